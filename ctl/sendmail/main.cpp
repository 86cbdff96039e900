#include <sysexits.h>

#include <filesystem>
#include <iostream>

#include "ctl/sendmail/command_line.h"
#include "ctl/sendmail/queues.h"
#include "ctl/sendmail/send.h"
#include "ctl/sendmail/settings.h"

int main(int argc, char** argv) {
  using namespace quartet::sendmail;
  const auto name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "sendmail";
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const auto line = parse_command_line(name, words);
  if (!line) {
    std::cerr << "sendmail: " << line.error() << "\nsendmail --help says more\n";
    return EX_USAGE;
  }
  using Mode = CommandLine::Mode;
  if (line->mode == Mode::kHelp || line->mode == Mode::kVersion) {
    std::cout << (line->mode == Mode::kHelp ? help_text() : "quartet-sendmail " QUARTET_VERSION "\n");
    return EX_OK;
  }
  auto settings = load_settings(line->config_file);
  if (!settings) {
    std::cerr << "sendmail: " << settings.error() << '\n';
    return EX_CONFIG;
  }
  if (line->mode == Mode::kList) return list_queues(*settings, std::cout, std::cerr);
  if (line->mode == Mode::kRetry) return retry_queues(*settings, std::cerr);
  return send(*line, *std::move(settings), std::cin, std::cerr);
}
