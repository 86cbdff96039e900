// A script, a NUL, and a message: it ends within its limits with an outcome whose actions fit each other, the same each
// time, and an error leaves a keep alone.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/mime/header.h"
#include "common/sieve/answers.h"
#include "common/sieve/run.h"

using namespace quartet;
using namespace quartet::sieve;

namespace {

struct FuzzWorld : World {
  std::string_view other;
  bool mailbox_exists(const std::string& name) override { return name.size() % 2 == 0; }
  std::optional<std::string> annotation(const std::optional<std::string>& mailbox, const std::string& name) override {
    return mailbox && name.size() % 2 == 0 ? std::optional(*mailbox + name) : std::nullopt;
  }
  std::optional<std::string> special_use(const std::string& attribute) override {
    return attribute == "\\Junk" ? std::optional<std::string>("Junk") : std::nullopt;
  }
  bool has_special_use(const std::string& mailbox, const std::string&) override { return mailbox == "Junk"; }
  bool seen(const std::string& key) override { return key.size() % 2 == 0; }
  std::expected<ProgramPtr, std::string> script(bool, const std::string& name) override {
    if (name.size() > 2) return nullptr;
    auto program = compile(other);
    if (!program) return std::unexpected("wrong");
    return *program;
  }
  std::expected<ExternalListPtr, std::string> list(const std::string& name) override {
    QUARTET_CHECK(canonical_list_name(name) == name);
    if (name.size() % 3 == 0) return nullptr;
    if (name.size() % 3 == 1) return std::unexpected("broken");
    return std::make_shared<const ExternalList>(other);
  }
  std::int32_t zone(std::int64_t seconds) override { return seconds % 2 == 0 ? 60 : -300; }
};

template <typename T>
bool has(const Outcome& outcome) {
  return std::ranges::any_of(outcome.actions, [](const auto& action) { return std::holds_alternative<T>(action); });
}

void check(const Outcome& outcome, std::string_view message) {
  if (outcome.error) QUARTET_CHECK(outcome.actions.size() == 1 && has<Keep>(outcome));
  if (has<Reject>(outcome)) QUARTET_CHECK(!has<Keep>(outcome) && !has<FileInto>(outcome) && !has<Redirect>(outcome));
  QUARTET_CHECK(outcome.actions.size() <= RunLimits{}.actions + 1);
  const Answering answering{"ann@b.example", "<1@b.example>", "b.example", {}};
  for (const auto& action : outcome.actions) {
    QUARTET_CHECK(!to_string(action).empty());
    // Nothing that a message or script says can end the header early or add a field to it.
    std::string answer;
    if (const auto* vacation = std::get_if<Vacation>(&action)) answer = vacation_reply(*vacation, answering);
    if (const auto* notify = std::get_if<Notify>(&action)) answer = notification(*notify, answering);
    if (const auto* reject = std::get_if<Reject>(&action)) answer = refusal(*reject, "x@b.example", message, answering);
    if (!answer.empty()) {
      const mime::Header header(answer);
      QUARTET_CHECK(header.count("Auto-Submitted") == 1 && header.count("From") == 1 &&
                    header.count("Message-ID") == 1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(all.find('\0'), all.size());
  const auto program = compile(all.substr(0, end));
  if (!program) return 0;
  Input input;
  input.message = end < all.size() ? all.substr(end + 1) : std::string_view();
  input.from = "bob@a.example";
  input.to = "ann+x@b.example";
  input.user = "ann@b.example";
  input.addresses = {"ann@b.example"};
  input.environment = {{"location", "MDA"}};
  FuzzWorld world;
  world.other = all.substr(0, end);
  RunLimits limits;
  limits.work = 20'000'000;
  const auto outcome = run(**program, input, world, limits);
  check(outcome, input.message);
  const auto again = run(**program, input, world, limits);
  QUARTET_CHECK(again.actions.size() == outcome.actions.size() && again.error.has_value() == outcome.error.has_value());
  return 0;
}
