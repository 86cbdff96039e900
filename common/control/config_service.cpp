#include "common/control/calls.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/services.h"
#include "common/smtp/path.h"
#include "quartet/control/v1/config.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;

constexpr std::size_t kLongestText = 512 * 1024;

Status unable() { return {StatusCode::UNIMPLEMENTED, "this agent cannot"}; }

void fill(v1::Reply& to, const smtp::Reply& reply) {
  to.set_code(static_cast<std::uint32_t>(reply.code));
  to.set_enhanced(reply.enhanced);
  to.set_text(utf8(reply.text()));
}

class ConfigService final : public v1::ConfigService::CallbackService {
 public:
  ConfigService(const Subject& subject, Calls& calls) : subject_(subject), calls_(calls) {}

  grpc::ServerUnaryReactor* ValidateConfig(grpc::CallbackServerContext* context,
                                           const v1::ValidateConfigRequest* request,
                                           v1::ValidateConfigResponse* response) override {
    return preview(context, *request, response, [](const ConfigPreview& found, v1::ValidateConfigResponse& to) {
      for (const auto& fault : found.faults) to.add_fault(utf8(fault));
    });
  }

  grpc::ServerUnaryReactor* DiffConfig(grpc::CallbackServerContext* context, const v1::DiffConfigRequest* request,
                                       v1::DiffConfigResponse* response) override {
    return preview(context, *request, response, [](const ConfigPreview& found, v1::DiffConfigResponse& to) {
      for (const auto& fault : found.faults) to.add_fault(utf8(fault));
      for (const auto& each : found.changes) {
        auto& change = *to.add_change();
        change.set_setting(each.setting);
        change.set_before(utf8(each.before));
        change.set_after(utf8(each.after));
        change.set_at_start(each.at_start);
      }
    });
  }

  grpc::ServerUnaryReactor* GetConfig(grpc::CallbackServerContext* context, const v1::GetConfigRequest* request,
                                      v1::GetConfigResponse* response) override {
    auto call = Deferred<v1::GetConfigResponse>::begin(context, calls_, Role::kAdmin, response);
    auto* const reactor = call->reactor();
    if (call->over()) return reactor;
    if (!subject_.shown) {
      call->end(unable());
      return reactor;
    }
    subject_.shown(request->setting(), [call = std::move(call)](const std::optional<std::string>& text) {
      call->finish([&text](v1::GetConfigResponse& to) {
        if (!text) return Status(StatusCode::NOT_FOUND, "there is no such setting");
        to.set_text(utf8(*text));
        return Status::OK;
      });
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* ExplainRecipient(grpc::CallbackServerContext* context,
                                             const v1::ExplainRecipientRequest* request,
                                             v1::ExplainRecipientResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return explain(*request, *response); });
  }

 private:
  template <typename Request, typename Response, typename Fill>
  grpc::ServerUnaryReactor* preview(grpc::CallbackServerContext* context, const Request& request, Response* response,
                                    Fill fill) {
    auto call = Deferred<Response>::begin(context, calls_, Role::kAdmin, response);
    auto* const reactor = call->reactor();
    if (call->over()) return reactor;
    if (!subject_.preview || request.text().size() > kLongestText) {
      call->end(!subject_.preview ? unable() : Status(StatusCode::INVALID_ARGUMENT, "text: longer than 512 KiB"));
      return reactor;
    }
    auto text = request.has_text() ? std::optional(request.text()) : std::nullopt;
    subject_.preview(std::move(text), [call = std::move(call), fill](const ConfigPreview& found) {
      call->finish([&](Response& to) {
        fill(found, to);
        return Status::OK;
      });
    });
    return reactor;
  }

  Status explain(const v1::ExplainRecipientRequest& request, v1::ExplainRecipientResponse& response) const {
    if (!smtp::is_mailbox(request.address(), true))
      return {StatusCode::INVALID_ARGUMENT, "address: expected a mailbox, local@domain"};
    const auto client =
        request.client().empty() ? net::Address::parse("unix:client") : net::Address::from_ip(request.client(), 0);
    if (!client) return {StatusCode::INVALID_ARGUMENT, "client: expected an IP address"};
    const auto found = subject_.explain
                           ? subject_.explain({request.address(), *client, request.login(), request.sender()})
                           : std::nullopt;
    if (!found) return {StatusCode::UNIMPLEMENTED, "this agent takes no mail"};
    fill(*response.mutable_mail(), found->mail);
    fill(*response.mutable_rcpt(), found->rcpt);
    for (const auto& reason : found->reasons) response.add_reason(utf8(reason));
    for (const auto& place : found->leads_to) response.add_leads_to(utf8(place));
    return Status::OK;
  }

  const Subject& subject_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_config_service(const Subject& subject, Calls& calls) {
  return std::make_shared<ConfigService>(subject, calls);
}

}  // namespace quartet::control
