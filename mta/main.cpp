#include "common/service/program.h"
#include "mta/agent.h"
#include "mta/check_spool.h"

int main(int argc, char** argv) {
  quartet::service::Program program;
  program.name = "mta";
  program.summary = "relays mail by SMTP between hosts and to the mda";
  program.load = quartet::mta::Agent::load;
  program.actions = {{"--check-spool", "read the whole queue and say what is damaged", quartet::mta::check_spool}};
  return quartet::service::run(program, argc, argv);
}
