#include "mda/onward.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "common/mime/charset.h"
#include "common/service/intake.h"
#include "common/spool/handling.h"

namespace quartet::mda {

spool::NewMessage onward(const Incoming& incoming, const mime::Header& header) {
  static constexpr spool::BodyType kBodies[] = {spool::BodyType::k7Bit, spool::BodyType::k8BitMime,
                                                spool::BodyType::kBinaryMime};
  static constexpr spool::Ret kRets[] = {spool::Ret::kDefault, spool::Ret::kFull, spool::Ret::kHeaders};
  const auto& mail = incoming.mail;
  spool::NewMessage out;
  out.envelope.reverse_path = mail.reverse_path;
  out.envelope.ret = kRets[static_cast<int>(mail.ret)];
  out.envelope.envid = mail.envid;
  out.envelope.body_type = kBodies[static_cast<int>(mail.body)];
  out.envelope.smtputf8 = mail.smtputf8;
  out.envelope.require_tls = mail.require_tls;
  // The queue reads no fields: what the sender wants of TLS has to hold on this way, too.
  if (!mail.require_tls && service::has_tls_optional(header)) spool::set_tls_optional(out.envelope);
  out.envelope.client = incoming.client;
  out.envelope.trace_id = incoming.trace;
  out.envelope.received = incoming.time;
  return out;
}

async::Task<smtp::Reply> enqueue(const Services& services, const Incoming& incoming, spool::NewMessage message,
                                 smtp::Reply good) {
  if (services.spool == nullptr) {
    log::error("mda.no_spool",
               {{"message", incoming.id}, {"trace", incoming.trace}, {"to", message.recipients[0].address}});
    co_return smtp::Reply(451, "4.3.5", "this host has no queue for mail to other hosts");
  }
  // RFC 6531 section 3.4: an address beyond ASCII needs it, whoever brought the address in.
  const auto beyond_ascii = [](const auto& recipient) { return !mime::is_ascii(recipient.address); };
  if (std::ranges::any_of(message.recipients, beyond_ascii)) message.envelope.smtputf8 = true;
  const auto queued = co_await services.spool->enqueue(std::move(message));
  if (queued) co_return good;
  log::error("mda.not_queued",
             {{"message", incoming.id}, {"trace", incoming.trace}, {"reason", queued.error().detail}});
  co_return service::reply_to(queued.error());
}

}  // namespace quartet::mda
