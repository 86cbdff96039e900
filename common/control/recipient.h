// What an agent would say to a recipient, and why.
#pragma once
#include <string>
#include <vector>

#include "common/net/address.h"
#include "common/smtp/reply.h"

namespace quartet::control {

struct RecipientQuestion {
  std::string recipient;     // local@domain
  net::Address client;       // who is connected
  std::string login;         // as whom the client is authenticated; empty: it is not
  std::string reverse_path;  // empty: of a notice
};

struct RecipientAnswer {
  smtp::Reply mail;                   // to MAIL
  smtp::Reply rcpt;                   // to RCPT, as far as that is known without asking another host
  std::vector<std::string> reasons;   // what decided, for people, in its order
  std::vector<std::string> leads_to;  // the addresses, accounts and places that the mail goes on to
};

}  // namespace quartet::control
