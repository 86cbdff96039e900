#include "ctl/transfer/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <ostream>
#include <system_error>

#include "common/async/loop.h"
#include "common/async/thread_pool.h"
#include "common/base/ascii.h"
#include "common/store/default_mailboxes.h"
#include "common/store/layout.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/transfer/exporter.h"
#include "ctl/transfer/imap_source.h"
#include "ctl/transfer/importer.h"
#include "ctl/transfer/local_files.h"
#include "ctl/transfer/maildir_source.h"
#include "ctl/transfer/maildir_target.h"
#include "ctl/transfer/mbox_source.h"
#include "ctl/transfer/mbox_target.h"
#include "ctl/transfer/owner.h"

namespace quartet::transfer {
namespace {

constexpr std::optional<std::uint16_t> kImap = 143;
constexpr std::uint16_t kImaps = 993;
constexpr std::string_view kExitCodes = "0 all was transferred; 1 not all; 2 wrong usage";

/// What belongs to every transfer.
struct Job {
  const ctl::Arguments& arguments;
  std::string kind;   // "maildir"
  std::string place;  // the operand
  std::string store;
  std::string account;
  std::ostream& out;
  std::ostream& err;

  bool json() const { return arguments.has("json"); }
  std::string value(std::string_view option) const { return arguments.value(option).value_or(""); }
};

std::vector<ctl::Option> own_options() {
  return {{"json", "", "for programs: the result as one JSON value"},
          {"help", "", "this text"},
          {"version", "", "the version of this program"}};
}

void print_options(const std::vector<ctl::Option>& options, std::ostream& out) {
  for (const auto& option : options) {
    const auto name = fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
    out << fmt::format("  {:<22}  {}\n", name, option.help);
  }
}

void print_help(std::ostream& out) {
  out << "Mail in and out of a store of Quartet. Run it where the store is, as its owner or as root.\n";
  for (const auto& command : ctl::transfer_commands()) {
    out << "\nusage: quartet-transfer " << ctl::synopsis(command) << " [OPTION...]\n\n  " << command.summary << "\n\n";
    print_options(command.options, out);
  }
  out << "\noptions of all:\n";
  print_options(own_options(), out);
  out << "\nexit codes: " << kExitCodes << '\n';
}

int complain(std::ostream& err, const std::string& why, int code) {
  err << "quartet-transfer: " << why << '\n';
  if (code == ctl::kUsage) err << "quartet-transfer --help says more\n";
  return code;
}

/// A bar on a terminal; elsewhere a line a second, if that is wanted.
class Shown {
 public:
  Shown(std::ostream& err, bool lines) : err_(err), bar_(err, ctl::Progress::on_terminal(err)), lines_(lines) {}
  Show show() {
    return [this](std::uint64_t done, std::uint64_t total, const std::string& mailbox) {
      bar_.show(done, total);
      const auto now = std::chrono::steady_clock::now();
      if (!lines_ || (now < next_ && done < total)) return;
      next_ = now + std::chrono::seconds(1);
      err_ << fmt::format("{} of {} messages, {}\n", done, total, mailbox) << std::flush;
    };
  }

 private:
  std::ostream& err_;
  ctl::Progress bar_;
  const bool lines_;
  std::chrono::steady_clock::time_point next_{};
};

int say_troubles(const Job& job, const std::vector<std::string>& troubles) {
  for (const auto& trouble : troubles) complain(job.err, trouble, ctl::kFailed);
  return troubles.empty() ? ctl::kOk : ctl::kFailed;
}

int say(const Job& job, const ImportReport& report) {
  job.out << fmt::format(
      fmt::runtime(job.json() ? "{{\"mailboxes\":{},\"messages\":{},\"octets\":{},\"known\":{},\"flags_changed\":{},"
                                "\"keywords_dropped\":{}}}\n"
                              : "{} mailboxes: {} messages, {} octets imported; {} were there already, flags of {} of "
                                "these changed; {} lost keywords\n"),
      report.mailboxes, report.messages, report.bytes, report.known, report.flags_changed, report.keywords_dropped);
  return say_troubles(job, report.troubles);
}

int say(const Job& job, const ExportReport& report) {
  job.out << fmt::format(
      fmt::runtime(job.json() ? "{{\"mailboxes\":{},\"messages\":{},\"octets\":{},\"known\":{}}}\n"
                              : "{} mailboxes: {} messages, {} octets exported; {} were there already\n"),
      report.mailboxes, report.messages, report.bytes, report.known);
  return say_troubles(job, report.troubles);
}

/// "mail.a.test", "mail.a.test:993", "[::1]:143".
Outcome<void> set_place(std::string_view place, ImapAccount& account) {
  const auto close = place.starts_with('[') ? place.find(']') : std::string_view::npos;
  const auto colon = place.find(':', close == std::string_view::npos ? 0 : close);
  account.host = close == std::string_view::npos ? place.substr(0, colon) : place.substr(1, close - 1);
  const auto port = colon == std::string_view::npos ? kImap : ascii::to_number<std::uint16_t>(place.substr(colon + 1));
  if (account.host.empty() || !port || *port == 0) return std::unexpected("expected HOST or HOST:PORT");
  account.port = *port;
  return {};
}

Outcome<std::string> first_line_of(const std::string& file) {
  std::string line;
  if (file == "-") {
    std::getline(std::cin, line);
    return line;
  }
  const auto lines = read_lines(file);
  if (!lines) return std::unexpected(lines.error());
  if (lines->empty()) return std::unexpected(file + ": no password");
  return lines->front();
}

/// What the command line says of it.
Outcome<ImapAccount> named_account(const Job& job) {
  ImapAccount account;
  if (auto set = set_place(job.place, account); !set) return std::unexpected(set.error());
  account.user = job.value("user");
  if (account.user.empty() || job.value("password-file").empty())
    return std::unexpected("who logs in there? Give --user and --password-file");
  const auto tls = job.arguments.value("tls").value_or(account.port == kImaps ? "implicit" : "starttls");
  if (tls == "starttls")
    account.tls = ImapTls::kStartTls;
  else if (tls == "implicit")
    account.tls = ImapTls::kImplicit;
  else if (tls == "none")
    account.tls = ImapTls::kNone;
  else
    return std::unexpected("--tls: expected starttls, implicit or none");
  return account;
}

Outcome<ImapAccount> imap_account(const Job& job) {
  auto account = named_account(job);
  if (!account) return account;
  auto password = first_line_of(job.value("password-file"));
  if (!password) return std::unexpected(password.error());
  account->password = *std::move(password);
  if (account->tls == ImapTls::kNone) return account;
  auto context = tls::ClientContext::make({.verify = true, .ca = job.value("ca"), .certificate = {}, .key = {}});
  if (!context) return std::unexpected(context.error());
  account->context = *std::move(context);
  return account;
}

Outcome<std::unique_ptr<Source>> open_source(const Job& job, async::ThreadPool& pool, async::Loop& loop) {
  if (job.kind == "maildir") return open_maildir(job.place, pool);
  if (job.kind == "imap") {
    auto account = imap_account(job);
    if (!account) return std::unexpected(account.error());
    return loop.block_on(open_imap(*std::move(account), pool));
  }
  return open_mbox(job.place, pool);
}

/// Files and directories as a state file names them, however the command line does, and wherever it is given.
std::string canonical(const std::string& place) {
  const auto absolute = std::filesystem::absolute(place);
  std::error_code error;
  auto path = std::filesystem::weakly_canonical(absolute, error);
  if (error) path = absolute;
  if (!path.has_filename()) path = path.parent_path();  // "dir/" is "dir"
  return path.string();
}

/// The name that a source has in a state file.
std::string source_name(const Job& job) {
  if (job.kind == "imap") return fmt::format("imap:{}@{}", job.value("user"), job.place);
  return job.kind + ":" + job.place;
}

/// An account is made by what comes first for it, so the store takes any name, and a wrong one is nobody's to read. The
/// error says that it is none to export.
Outcome<void> look_at_account(const Job& job, bool imports, store::Store& store, async::Loop& loop) {
  const auto usage = loop.block_on(store.usage(job.account));
  if (!usage)
    return std::unexpected(
        fmt::format("{}: {}: {}", job.account, store::to_string(usage.error().code), usage.error().detail));
  if (*usage) return {};
  if (!imports) return std::unexpected(job.account + ": is not in this store");
  const auto others = loop.block_on(store.accounts("", 1));
  if (others && !others->empty())
    job.err << fmt::format("quartet-transfer: {} is new in this store: is that the login?\n", job.account);
  return {};
}

int import_mail(const Job& job, store::Store& store, async::ThreadPool& pool, async::Loop& loop) {
  auto source = open_source(job, pool, loop);
  if (!source) return complain(job.err, source.error(), ctl::kFailed);
  auto state = State::open(job.value("resume"), source_name(job), job.account);
  if (!state) return complain(job.err, state.error(), ctl::kFailed);
  ImportOptions options{job.account, job.value("into"), job.arguments.values("mailbox"),
                        job.arguments.values("exclude")};
  Outcome<ImportReport> report;
  {
    Shown shown(job.err, job.arguments.has("progress"));
    Importer importer(store, **source, *state, std::move(options), shown.show());
    report = loop.block_on(importer.run());
    loop.block_on((*source)->close());
  }
  return report ? say(job, *report) : complain(job.err, report.error(), ctl::kFailed);
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

Outcome<std::unique_ptr<Target>> open_target(const Job& job) {
  const auto resume = job.value("resume");
  if (job.kind == "mbox") {
    const bool single = job.arguments.values("mailbox").size() == 1 && !is_directory(job.place);
    return make_mbox(std::filesystem::absolute(job.place).string(), single, resume, job.account);
  }
  // The directory itself tells what is there; the file, whose it is.
  const auto first = fmt::format("quartet-transfer 1 export-maildir {} {}",
                                 as_word(std::filesystem::absolute(job.place).string()), as_word(job.account));
  const auto file = LineFile::open(resume, first, [](std::string_view) { return false; });
  if (!file) return std::unexpected(file.error());
  return make_maildir(job.place, host_name(), !resume.empty());
}

int export_mail(const Job& job, store::Store& store, async::ThreadPool& pool, async::Loop& loop) {
  const auto target = open_target(job);
  if (!target) return complain(job.err, target.error(), ctl::kFailed);
  Outcome<ExportReport> report;
  {
    Shown shown(job.err, job.arguments.has("progress"));
    Exporter exporter(store, **target, pool, job.account, job.arguments.values("mailbox"), shown.show());
    report = loop.block_on(exporter.run());
  }
  return report ? say(job, *report) : complain(job.err, report.error(), ctl::kFailed);
}

int run_job(const Job& job, bool imports) {
  // One that is not there is not made: the name is wrong.
  const auto database = job.value("store-database");
  if (const auto shards = store::count_shards(job.store); database.empty() && !shards)
    return complain(job.err, shards.error().detail, ctl::kFailed);
  if (const auto owner = become_owner(job.store); !owner) return complain(job.err, owner.error(), ctl::kFailed);
  store::Options options;
  options.directory = job.store;
  options.postgres = database;
  options.default_mailboxes = store::usual_mailboxes();
  options.gc_interval = std::chrono::seconds(0);  // the agents see to it
  const auto store = store::open_store(std::move(options));
  if (!store) return complain(job.err, store.error().detail, ctl::kFailed);
  async::ThreadPool pool("files", 1);
  async::Loop loop;
  if (const auto looked = look_at_account(job, imports, **store, loop); !looked)
    return complain(job.err, looked.error(), ctl::kFailed);
  return (imports ? import_mail : export_mail)(job, **store, pool, loop);
}

}  // namespace

int run(const std::vector<std::string>& words, const std::string& default_store, std::ostream& out, std::ostream& err) {
  auto known = own_options();
  for (const auto& command : ctl::transfer_commands())
    known.insert(known.end(), command.options.begin(), command.options.end());
  const auto arguments = ctl::Arguments::parse(words, known);
  if (!arguments) return complain(err, arguments.error(), ctl::kUsage);
  if (arguments->has("version")) {
    out << "quartet-transfer " QUARTET_VERSION "\n";
    return ctl::kOk;
  }
  if (arguments->has("help")) {
    print_help(out);
    return ctl::kOk;
  }
  const auto commands = ctl::transfer_commands();
  const auto command = std::ranges::find_if(commands, [&](const ctl::Command& one) {
    return arguments->words().size() == 3 && one.noun == arguments->words()[0] && one.verb == arguments->words()[1];
  });
  if (command == commands.end()) return complain(err, "expected import or export, a kind and a place", ctl::kUsage);
  if (const auto other = arguments->other_than(own_options(), command->options); !other.empty())
    return complain(err, fmt::format("{} {} has no option --{}", command->noun, command->verb, other), ctl::kUsage);
  Job job{*arguments, std::string(command->verb), arguments->words()[2],
          arguments->value("store").value_or(default_store),
          // As directories have logins, whatever way they are written: agents ask the store for that name alone.
          ascii::lower(arguments->value("account").value_or("")), out, err};
  if (job.store.empty()) return complain(err, "which store? Give --store, or set QUARTET_STORE", ctl::kUsage);
  if (job.account.empty()) return complain(err, "whose mailboxes? Give --account", ctl::kUsage);
  const bool imports = command->noun == "import";
  if (imports && job.kind == "imap") {
    if (const auto named = named_account(job); !named) return complain(err, named.error(), ctl::kUsage);
  } else if (imports) {
    job.place = canonical(job.place);
  }
  return run_job(job, imports);
}

}  // namespace quartet::transfer
