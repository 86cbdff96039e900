#include "common/service/program.h"
#include "imapd/agent.h"

int main(int argc, char** argv) {
  quartet::service::Program program;
  program.name = "imapd";
  program.summary = "lets users read their mail by IMAP and POP3";
  program.load = quartet::imapd::Agent::load;
  return quartet::service::run(program, argc, argv);
}
