#include "common/dns/codec.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <memory>

#include "common/base/ascii.h"

namespace quartet::dns {
namespace {

constexpr std::size_t kMaxMessage = 65535;

struct Free {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
  void operator()(ldns_rdf* rdata) const { ldns_rdf_deep_free(rdata); }
  void operator()(char* text) const { free(text); }
  void operator()(std::uint8_t* bytes) const { free(bytes); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::optional<std::string> name_of(const ldns_rdf* rdata) {
  if (rdata == nullptr || ldns_rdf_get_type(rdata) != LDNS_RDF_TYPE_DNAME) return std::nullopt;
  const Owned<char> text(ldns_rdf2str(rdata));
  if (!text) return std::nullopt;
  std::string name = ascii::lower(text.get());
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  return name;
}

std::string_view bytes_of(const ldns_rdf* rdata) {
  if (rdata == nullptr) return {};
  return {reinterpret_cast<const char*>(ldns_rdf_data(rdata)), ldns_rdf_size(rdata)};
}

/// "::ffff:192.0.2.1" leads to an IPv4 address, and is one to who asks whether it is our own.
std::optional<std::string> address_of(const ldns_rdf* rdata, int family) {
  static constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  auto bytes = bytes_of(rdata);
  if (bytes.size() != (family == AF_INET ? 4U : 16U)) return std::nullopt;
  if (family == AF_INET6 && bytes.starts_with(kMapped)) {
    bytes.remove_prefix(kMapped.size());
    family = AF_INET;
  }
  char text[INET6_ADDRSTRLEN];
  if (!inet_ntop(family, bytes.data(), text, sizeof(text))) return std::nullopt;
  return text;
}

std::optional<unsigned> number_of(const ldns_rdf* rdata, std::size_t size) {
  const auto bytes = bytes_of(rdata);
  if (bytes.size() != size) return std::nullopt;
  unsigned value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

/// Each string has its length in front of it.
std::string joined_strings(const ldns_rr& rr) {
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_rd_count(&rr); ++i) {
    auto bytes = bytes_of(ldns_rr_rdf(&rr, i));
    if (!bytes.empty()) text.append(bytes.substr(1));
  }
  return text;
}

/// False when the data is not what the type asks for.
bool read_data(const ldns_rr& rr, Record& record) {
  const auto store = [&record](auto&& value) {
    if (!value) return false;
    record.data = std::move(*value);
    return true;
  };
  const ldns_rdf* const first = ldns_rr_rdf(&rr, 0);
  switch (record.type) {
    case Type::kA:
      return store(address_of(first, AF_INET));
    case Type::kAaaa:
      return store(address_of(first, AF_INET6));
    case Type::kCname:
    case Type::kPtr:
      return store(name_of(first));
    case Type::kTxt:
      record.data = joined_strings(rr);
      return true;
    case Type::kMx: {
      const auto preference = number_of(first, 2);
      auto exchange = name_of(ldns_rr_rdf(&rr, 1));
      if (!preference || !exchange) return false;
      record.data = Mx{static_cast<std::uint16_t>(*preference), std::move(*exchange)};
      return true;
    }
    case Type::kTlsa: {
      std::uint8_t fields[3];
      for (std::size_t i = 0; i < 3; ++i) {
        const auto field = number_of(ldns_rr_rdf(&rr, i), 1);
        if (!field) return false;
        fields[i] = static_cast<std::uint8_t>(*field);
      }
      record.data = Tlsa{fields[0], fields[1], fields[2], std::string(bytes_of(ldns_rr_rdf(&rr, 3)))};
      return true;
    }
    case Type::kSoa: {
      const auto minimum = number_of(ldns_rr_rdf(&rr, 6), 4);
      if (!minimum) return false;
      record.data = Soa{*minimum};
      return true;
    }
  }
  return false;
}

bool is_known(ldns_rr_type type) {
  constexpr Type kKnown[] = {Type::kA,  Type::kCname, Type::kSoa,  Type::kPtr,
                             Type::kMx, Type::kTxt,   Type::kAaaa, Type::kTlsa};
  return std::ranges::any_of(kKnown, [type](Type known) { return static_cast<int>(known) == static_cast<int>(type); });
}

/// RFC 2181 section 8: a TTL with the highest bit set counts as zero.
std::uint32_t ttl_of(const ldns_rr& rr) {
  const std::uint32_t ttl = ldns_rr_ttl(&rr);
  return ttl > 0x7fffffffU ? 0 : ttl;
}

bool read_section(const ldns_rr_list* list, std::vector<Record>& records) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    const ldns_rr& rr = *ldns_rr_list_rr(list, i);
    if (ldns_rr_get_class(&rr) != LDNS_RR_CLASS_IN || !is_known(ldns_rr_get_type(&rr))) continue;
    auto owner = name_of(ldns_rr_owner(&rr));
    if (!owner) return false;
    Record record{std::move(*owner), static_cast<Type>(ldns_rr_get_type(&rr)), ttl_of(rr), {}};
    if (!read_data(rr, record)) return false;
    records.push_back(std::move(record));
  }
  return true;
}

bool has_type(const ldns_rr_list* list, ldns_rr_type type) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i)
    if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) == type) return true;
  return false;
}

bool read_question(const ldns_rr_list* list, Message& message) {
  if (ldns_rr_list_rr_count(list) == 0) return true;
  const ldns_rr& rr = *ldns_rr_list_rr(list, 0);
  auto name = name_of(ldns_rr_owner(&rr));
  if (!name || ldns_rr_list_rr_count(list) > 1 || ldns_rr_get_class(&rr) != LDNS_RR_CLASS_IN) return false;
  message.has_question = true;
  message.question = Question{std::move(*name), static_cast<Type>(ldns_rr_get_type(&rr))};
  return true;
}

}  // namespace

std::expected<std::string, std::string> encode_query(const Question& question, const QueryOptions& options) {
  Owned<ldns_rdf> name(ldns_dname_new_frm_str(question.name.c_str()));
  if (!name) return std::unexpected(fmt::format("not a domain name: \"{}\"", question.name));
  const auto flags = static_cast<std::uint16_t>(LDNS_RD | (options.authentic_data ? LDNS_AD : 0));
  const Owned<ldns_pkt> packet(
      ldns_pkt_query_new(name.get(), static_cast<ldns_rr_type>(question.type), LDNS_RR_CLASS_IN, flags));
  if (!packet) return std::unexpected("no memory for a query");
  (void)name.release();  // the packet owns it now, and only now
  ldns_pkt_set_id(packet.get(), options.id);
  if (options.udp_payload) {
    ldns_pkt_set_edns_udp_size(packet.get(), *options.udp_payload);
    ldns_pkt_set_edns_do(packet.get(), options.dnssec_ok);
  }
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  const auto status = ldns_pkt2wire(&wire, packet.get(), &size);
  const Owned<std::uint8_t> owner(wire);
  if (status != LDNS_STATUS_OK) return std::unexpected(ldns_get_errorstr_by_id(status));
  return std::string(reinterpret_cast<const char*>(wire), size);
}

std::expected<Message, std::string> decode_answer(std::string_view packet) {
  if (packet.size() > kMaxMessage) return std::unexpected("longer than a DNS message can be");
  ldns_pkt* raw = nullptr;
  const auto status = ldns_wire2pkt(&raw, reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size());
  const Owned<ldns_pkt> parsed(raw);
  if (status != LDNS_STATUS_OK) return std::unexpected(ldns_get_errorstr_by_id(status));
  if (!ldns_pkt_qr(raw)) return std::unexpected("a query, not a response");
  if (ldns_pkt_get_opcode(raw) != LDNS_PACKET_QUERY) return std::unexpected("a response to another operation");

  Message message;
  message.id = ldns_pkt_id(raw);
  message.code = ldns_pkt_edns_extended_rcode(raw) != 0 ? ResponseCode::kBadVersion
                                                        : static_cast<ResponseCode>(ldns_pkt_get_rcode(raw));
  message.truncated = ldns_pkt_tc(raw);
  message.authoritative = ldns_pkt_aa(raw);
  message.authentic = ldns_pkt_ad(raw);
  if (!read_question(ldns_pkt_question(raw), message)) return std::unexpected("the question section is malformed");
  if (!read_section(ldns_pkt_answer(raw), message.answers)) return std::unexpected("an answer is malformed");
  if (!read_section(ldns_pkt_authority(raw), message.authority))
    return std::unexpected("an authority record is malformed");
  message.referral = ldns_rr_list_rr_count(ldns_pkt_answer(raw)) == 0 &&
                     has_type(ldns_pkt_authority(raw), LDNS_RR_TYPE_NS) &&
                     !has_type(ldns_pkt_authority(raw), LDNS_RR_TYPE_SOA);
  return message;
}

std::optional<std::string> canonical_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return std::nullopt;
  for (const auto label : ascii::split(name, '.')) {
    if (label.empty() || label.size() > 63) return std::nullopt;
    if (!std::ranges::all_of(label, [](char c) { return ascii::is_alnum(c) || c == '-' || c == '_'; }))
      return std::nullopt;
  }
  return ascii::lower(name);
}

std::optional<std::string> reverse_name(std::string_view ip) {
  const std::string text(ip);
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1)
    return fmt::format("{}.{}.{}.{}.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return std::nullopt;
  std::string name;
  for (int i = 15; i >= 0; --i) name += fmt::format("{:x}.{:x}.", bytes[i] & 15, bytes[i] >> 4);
  return name + "ip6.arpa";
}

const char* to_string(Type type) {
  switch (type) {
    case Type::kA:
      return "A";
    case Type::kCname:
      return "CNAME";
    case Type::kSoa:
      return "SOA";
    case Type::kPtr:
      return "PTR";
    case Type::kMx:
      return "MX";
    case Type::kTxt:
      return "TXT";
    case Type::kAaaa:
      return "AAAA";
    case Type::kTlsa:
      return "TLSA";
  }
  return "?";
}

}  // namespace quartet::dns
