// RFC 8460 section 3.
#include "common/tlsrpt/record.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::tlsrpt;
using Texts = std::vector<std::string>;

TEST_CASE("where reports go", "[tlsrpt]") {
  CHECK(parse_record({"v=TLSRPTv1; rua=mailto:reports@b.example"}) ==
        std::vector<Destination>{MailTo{"reports@b.example"}});
  CHECK(parse_record({"v=spf1 -all", "v=TLSRPTv1;rua=https://r.b.example/v1/tlsrpt , mailto:a%2Bb@b.example;"}) ==
        std::vector<Destination>{https::Url{"r.b.example", 443, "/v1/tlsrpt"}, MailTo{"a+b@b.example"}});
  CHECK(parse_record({"v=TLSRPTv1; ext=1; rua=HTTPS://R.b.example:8443?x=1"}) ==
        std::vector<Destination>{https::Url{"r.b.example", 8443, "/?x=1"}});
}

TEST_CASE("where no report goes", "[tlsrpt]") {
  const Texts bad = {"",
                     "v=TLSRPTv1",
                     "v=TLSRPTv1; ",
                     "v=TLSRPTv1; rua=",
                     "v=TLSRPTv10; rua=mailto:a@b.example",
                     "v=tlsrptv1; rua=mailto:a@b.example",
                     "rua=mailto:a@b.example; v=TLSRPTv1",
                     "v=TLSRPTv1; rua=mailto:b.example",
                     "v=TLSRPTv1; rua=mailto:@b.example",
                     "v=TLSRPTv1; rua=mailto:a@",
                     "v=TLSRPTv1; rua=mailto:a@b@c",
                     "v=TLSRPTv1; rua=mailto:a%0D%0ADATA@b.example",
                     "v=TLSRPTv1; rua=mailto:a%2@b.example",
                     "v=TLSRPTv1; rua=mailto:a@b.example?subject=x",
                     "v=TLSRPTv1; rua=http://b.example/",
                     "v=TLSRPTv1; rua=https:///x",
                     "v=TLSRPTv1; rua=https://u:p@b.example/",
                     "v=TLSRPTv1; rua=https://b.example:0/",
                     "v=TLSRPTv1; rua=https://[::1]/",
                     "v=TLSRPTv1; rua=https://b.example/a b"};
  for (const auto& record : bad) {
    INFO(record);
    CHECK(parse_record({record}).empty());
  }
  const std::string good = "v=TLSRPTv1; rua=mailto:a@b.example";
  CHECK(parse_record({good, good}).empty());
  std::string many = "v=TLSRPTv1; rua=";
  for (int i = 0; i < 20; ++i) many += "mailto:a@b.example,";
  CHECK(parse_record({many}).size() == 10);
}
