#include "common/control/peer_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <iterator>
#include <string>

namespace quartet::control {
namespace {

constexpr int kLargestResponse = 64 << 20;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::shared_ptr<grpc::Channel> peer_channel(const Options& options, const PeerOptions& peer) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestResponse);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A peer that is gone without a word is noticed within a minute, also by who only listens.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  if (peer.address.starts_with("unix:"))
    return grpc::CreateCustomChannel(peer.address, grpc::InsecureChannelCredentials(), arguments);
  auto authorities = read_file(options.peer_ca);
  // Of a file that cannot be read, or is empty, gRPC would make the authorities of the system: any host's certificate.
  if (authorities.empty() && !options.peer_ca.empty()) authorities = "none";
  const grpc::SslCredentialsOptions tls{authorities, read_file(options.key), read_file(options.certificate)};
  return grpc::CreateCustomChannel(peer.address, grpc::SslCredentials(tls), arguments);
}

}  // namespace quartet::control
