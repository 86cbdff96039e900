#include "common/service/client_deadlines.h"

namespace quartet::service {

ClientDeadlines::ClientDeadlines(const Times& times, SteadyTime now)
    : times_(times), pace_(times.transfer, times.rate) {
  begin_login(now);
}

void ClientDeadlines::logged_in() {
  login_by_.reset();
  begin_command();
}

void ClientDeadlines::begin_command() {
  command_by_.reset();
  pace_.restart();
}

async::Deadline ClientDeadlines::begin_wait(bool under_way, SteadyTime now) {
  if (login_by_) return async::Deadline::at(*login_by_);
  if (under_way) return pace_.begin(times_.transfer, now);
  if (!command_by_) command_by_ = now + times_.idle;
  return async::Deadline::at(*command_by_);
}

}  // namespace quartet::service
