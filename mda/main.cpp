#include "common/service/program.h"
#include "mda/agent.h"

int main(int argc, char** argv) {
  quartet::service::Program program;
  program.name = "mda";
  program.summary = "puts mail into mailboxes, or forwards it";
  program.load = quartet::mda::Agent::load;
  return quartet::service::run(program, argc, argv);
}
