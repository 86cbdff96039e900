#include "common/service/program.h"
#include "msa/agent.h"

int main(int argc, char** argv) {
  quartet::service::Program program;
  program.name = "msa";
  program.summary = "takes mail from users by SMTP submission";
  program.load = quartet::msa::Agent::load;
  return quartet::service::run(program, argc, argv);
}
