// The services by their constructors; each is a file of its own.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/control/server.h"

namespace grpc {
class Service;
}

namespace quartet::control {

class Calls;
class Operations;
class Peers;

/// What is given by reference outlives the services.
std::shared_ptr<grpc::Service> make_queue_service(const Subject& subject, Calls& calls, Operations& operations,
                                                  const Peers& peers);  // wants subject.spool
std::shared_ptr<grpc::Service> make_operation_service(Calls& calls, Operations& operations);
std::shared_ptr<grpc::Service> make_rule_service(const Subject& subject, Calls& calls,
                                                 Operations& operations);  // wants subject.spool and subject.relay
std::shared_ptr<grpc::Service> make_remote_queue_service(const Subject& subject, Calls& calls);  // wants subject.relay
std::shared_ptr<grpc::Service> make_destination_service(const Subject& subject, Calls& calls);   // wants subject.relay
std::shared_ptr<grpc::Service> make_session_service(const Subject& subject, Calls& calls);  // wants subject.sessions
/// grpc.health.v1: "" and each of `names` are SERVING as long as there is no trouble and the server is not stopping.
std::shared_ptr<grpc::Service> make_health_service(const Subject& subject, Calls& calls,
                                                   std::vector<std::string> names);
std::shared_ptr<grpc::Service> make_config_service(const Subject& subject, Calls& calls);
std::shared_ptr<grpc::Service> make_node_service(const Subject& subject, Calls& calls);
std::shared_ptr<grpc::Service> make_hint_service(const Subject& subject, Calls& calls);  // wants subject.follow_hints
std::shared_ptr<grpc::Service> make_directory_service(const Subject& subject, Calls& calls);  // wants subject.directory
std::shared_ptr<grpc::Service> make_mailbox_service(const Subject& subject, Calls& calls);    // wants subject.store
std::shared_ptr<grpc::Service> make_peer_service(Peers& peers, Calls& calls);
std::shared_ptr<grpc::Service> make_trace_service(const Subject& subject, Calls& calls);

}  // namespace quartet::control
