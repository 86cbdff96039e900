#include "common/base/expand_path.h"

#include <catch2/catch.hpp>

namespace quartet {

TEST_CASE("paths stay where they are") {
  CHECK(expand_path("/v/{domain}/{user}/Maildir", "ann", "a.test") == "/v/a.test/ann/Maildir");
  CHECK_FALSE(expand_path("/v/{user}", "../x", "a.test"));
  CHECK_FALSE(expand_path("/v/{user}", "a/b", "a.test"));
  CHECK_FALSE(expand_path("/v/{user}", "..", "a.test"));
  CHECK_FALSE(expand_path("/v/{user}", "", "a.test"));
  CHECK(expand_path("/v/{other}", "ann", "a.test") == "/v/{other}");
}

TEST_CASE("a template is absolute and names nothing but users and domains") {
  CHECK(is_absolute_template("/v"));
  CHECK(is_absolute_template("/v/{domain}/{user}"));
  CHECK_FALSE(is_absolute_template("v/{user}"));
  CHECK_FALSE(is_absolute_template("/v/{other}"));
  CHECK_FALSE(is_absolute_template(""));
}

}  // namespace quartet
