#include "common/config/shown.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "common/config/config.h"
#include "quartet/config/v1/directory.pb.h"
#include "quartet/config/v1/imapd.pb.h"
#include "quartet/config/v1/mda.pb.h"
#include "quartet/config/v1/msa.pb.h"
#include "quartet/config/v1/mta.pb.h"
#include "quartet/config/v1/options.pb.h"
#include "quartet/config/v1/sendmail.pb.h"

using namespace quartet;
using config::Lines;
using config::shown;
using config::written;

namespace {

config::v1::Mta mta() {
  config::v1::Mta source;
  source.set_spool("/s");
  source.mutable_sending()->mutable_dns()->add_server("192.0.2.1:53");
  source.mutable_sending()->set_mta_sts(true);
  auto* link = source.add_link();
  link->set_name("island");
  link->set_password("sesame");
  source.mutable_srs()->add_secret("one");
  source.mutable_srs()->add_secret("two");
  return source;
}

}  // namespace

TEST_CASE("a setting as a configuration file has it", "[config]") {
  CHECK(shown(mta(), "spool", Lines::kOne) == "spool: \"/s\"");
  CHECK(shown(mta(), "sending.mta_sts", Lines::kOne) == "sending { mta_sts: true }");
  CHECK(shown(mta(), "sending.dns", Lines::kMany) == "sending {\n  dns {\n    server: \"192.0.2.1:53\"\n  }\n}\n");
  CHECK(shown(mta(), "", Lines::kOne)->starts_with("spool: \"/s\" "));
  CHECK(shown(config::v1::Mta(), "", Lines::kMany) == "");
}

TEST_CASE("a setting that is not written is empty, one that is not in the schema is none", "[config]") {
  CHECK(shown(mta(), "directory", Lines::kOne) == "");
  CHECK(shown(mta(), "limits.hops", Lines::kOne) == "");
  for (const auto* setting : {"no_such", "sending.no_such", "spool.x", "link.name", ".", "sending.", ".sending"}) {
    INFO(setting);
    CHECK_FALSE(shown(mta(), setting, Lines::kOne).has_value());
  }
}

TEST_CASE("what is secret is not shown, wherever it is", "[config]") {
  CHECK(shown(mta(), "srs", Lines::kOne) == "srs { secret: \"(secret)\" secret: \"(secret)\" }");
  CHECK(shown(mta(), "srs.secret", Lines::kOne) == "srs { secret: \"(secret)\" secret: \"(secret)\" }");
  CHECK(shown(mta(), "link", Lines::kOne) == "link { name: \"island\" password: \"(secret)\" }");
  CHECK(shown(mta(), "", Lines::kMany)->find("sesame") == std::string::npos);
}

TEST_CASE("every setting that sounds secret is hidden", "[config]") {
  std::vector<const google::protobuf::Descriptor*> todo = {
      config::v1::Msa::descriptor(),   config::v1::Mta::descriptor(),       config::v1::Mda::descriptor(),
      config::v1::Imapd::descriptor(), config::v1::Directory::descriptor(), config::v1::Sendmail::descriptor()};
  std::vector<const google::protobuf::Descriptor*> seen;
  int hidden = 0;
  while (!todo.empty()) {
    const auto* type = todo.back();
    todo.pop_back();
    if (std::ranges::find(seen, type) != seen.end()) continue;
    seen.push_back(type);
    for (int i = 0; i < type->field_count(); ++i) {
      const auto& field = *type->field(i);
      INFO(field.full_name());
      if (field.message_type() != nullptr) todo.push_back(field.message_type());
      const auto& name = field.name();
      const bool sounds = (name.find("password") != std::string::npos || name.find("secret") != std::string::npos ||
                           name.find("verifier") != std::string::npos) &&
                          !name.ends_with("_file");
      const bool is = field.options().GetExtension(config::v1::hidden);
      CHECK((is || !sounds));
      if (is) CHECK(field.type() == google::protobuf::FieldDescriptor::TYPE_STRING);
      hidden += is ? 1 : 0;
    }
  }
  CHECK(hidden >= 6);
}

TEST_CASE("what is written is read as the same", "[config]") {
  auto source = mta();
  source.set_spool("/gr\u00FC\"\\n${HOME}$x");
  const auto text = written(source);
  CHECK(text.contains("sesame"));
  CHECK_FALSE(text.contains("${"));
  config::v1::Mta read;
  REQUIRE(config::parse_into(text, "it", read));
  CHECK(read.SerializeAsString() == source.SerializeAsString());
}
