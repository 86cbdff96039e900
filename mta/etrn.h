// ETRN (RFC 1985) and ATRN (RFC 2645): a site that connects only sometimes asks for its mail. Who may ask for what, and
// what is answered.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/directory/directory.h"
#include "common/net/address.h"
#include "common/relay/relay.h"
#include "common/relay/route.h"
#include "common/service/settings.h"
#include "common/smtp/reply.h"
#include "quartet/config/v1/mta.pb.h"

namespace quartet::mta {

struct LinkRight {
  std::vector<net::Network> allowed;  // who may start it by ETRN
  bool withhold_count = false;        // 252 instead of 253
  std::vector<std::string> logins{};  // who may have it by ATRN; lower case
  std::string password{};             // of these logins; empty: the directory has them
  std::chrono::seconds stay{0};
  std::chrono::seconds keep_alive{120};
};
using LinkRights = std::unordered_map<std::string, LinkRight>;  // by the link's name

/// `directory` may be null.
LinkRights read_link_rights(service::Checker& checker, const config::v1::Mta& source,
                            const directory::Directory* directory);

/// The argument of ETRN: "name", "@name" or "#name".
struct EtrnNode {
  enum class Form {
    kDomain,   // the domain itself
    kSubtree,  // the domain and all below it
    kQueue,    // a link by its name
  };
  Form form = Form::kDomain;
  std::string name;  // lower case
};
EtrnNode parse_etrn(std::string_view argument);

/// The link that the node means; null if there is none.
const relay::RoutingTable::Link* find_link(const relay::Router& router, const EtrnNode& node);

/// For a client that asked too soon, and may ask again in `wait`.
std::string too_soon(std::chrono::milliseconds wait);

/// Answers at once; mail then goes over connections of our own to where the link's routes lead, whoever asked (RFC
/// 1985 section 5). `start` is Relay::start_link, called only for a client that may.
smtp::Reply answer_etrn(std::string_view argument, const net::Address& client, const relay::Router& router,
                        const LinkRights& rights,
                        const std::function<relay::StartAnswer(const std::string& link)>& start);

}  // namespace quartet::mta
