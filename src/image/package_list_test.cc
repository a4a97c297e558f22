#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/apt.h"
#include "image/debian_image.h"
#include "image/package_names.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const std::string kHash(64, 'a');

std::string entry(const std::string& name, const std::string& version,
                  const std::string& rest = "") {
  return "Package: " + name + "\nVersion: " + version + "\nArchitecture: all\n" + rest +
         "Filename: pool/x.deb\nSize: 12\nMD5sum: 00\nSHA256: " + kHash + "\n";
}

TEST(Packages, ReadsEntriesAndLeavesOutTheirPlace) {
  auto got = parse_packages(entry("tool", "1:2.0-1", "Installed-Size: 3\nDescription: a\n b\n") +
                            "\n" + entry("other", "1"));
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_EQ(got[0].file, "tool_1%3a2.0-1_all.deb");
  EXPECT_EQ(got[0].installed, 3072u);
  EXPECT_EQ(got[0].size, 12u);
  EXPECT_EQ(got[0].stanza,
            "Package: tool\nVersion: 1:2.0-1\nArchitecture: all\nInstalled-Size: 3\nDescription: "
            "a\n b\nSize: 12\nSHA256: " +
                kHash + "\n");
}

TEST(Packages, LeavesOutWhatIsNotWholeOrNotSafe) {
  EXPECT_THAT(parse_packages(""), IsEmpty());
  EXPECT_THAT(parse_packages("\n\n\n"), IsEmpty());
  EXPECT_THAT(parse_packages("Package: a\nVersion: 1\nArchitecture: all\nSize: 12\n"), IsEmpty());
  EXPECT_THAT(parse_packages(entry("../../etc/passwd", "1")), IsEmpty());
  EXPECT_THAT(parse_packages(entry("-o", "1")), IsEmpty());
  EXPECT_THAT(parse_packages(entry("a", "1/../../x")), IsEmpty());
  EXPECT_THAT(parse_packages(entry("a", "")), IsEmpty());
  EXPECT_THAT(parse_packages(" continued\n:\nno colon\n"), IsEmpty());
}

TEST(Simulation, ReadsWhatWouldBeInstalled) {
  auto got = parse_simulation(
      "Reading package lists...\n"
      "Inst libc6 (2.41-12 Debian:13/stable [amd64]) [a:amd64 ]\n"
      "Inst lib:i386 (1.0)\n"
      "Inst broken\nInst\nInst x y\n"
      "Conf libc6 (2.41-12 Debian:13/stable [amd64])\n");
  EXPECT_THAT(got, ElementsAre(Pair("lib", "1.0"), Pair("libc6", "2.41-12")));
}

TEST(DpkgStatus, CountsOnlyWhatIsConfigured) {
  auto got = parse_dpkg_status(
      "Package: a\nStatus: install ok installed\nVersion: 1\n\n"
      "Package: b\nStatus: install ok unpacked\nVersion: 2\n\n"
      "Package: c\nVersion: 3\nStatus: install ok installed");
  EXPECT_THAT(got, ElementsAre(Pair("a", "1"), Pair("c", "3")));
}

TEST(Suggestions, FindWhatWasMeant) {
  std::vector<std::string> names = {"python3-torch", "python3-numpy", "octave", "libtorch-dev",
                                    "zsh"};
  EXPECT_EQ(suggest_package("python3-troch", names), "python3-torch");
  EXPECT_EQ(suggest_package("python3_torch", names), "python3-torch");
  EXPECT_EQ(suggest_package("Octave", names), "octave");
  EXPECT_EQ(suggest_package("numpy", names), "python3-numpy");
  EXPECT_EQ(suggest_package("qqqqqqqq", names), "");
}

TEST(DebianRecords, ComeBackAsTheyWere) {
  Json record = debian_record("trixie", debian_architecture(), {"b=1"}, {{"a", "1:2"}, {"b", "1"}});
  auto got = parse_debian_record(record);
  ASSERT_TRUE(got.ok()) << got.error().text();
  EXPECT_EQ(got->suite, "trixie");
  EXPECT_THAT(got->requested, ElementsAre("b=1"));
  EXPECT_THAT(got->packages, ElementsAre(Pair("a", "1:2"), Pair("b", "1")));
}

TEST(DebianRecords, HostileOnesAreRefused) {
  Json good = debian_record("trixie", debian_architecture(), {}, {{"a", "1"}});
  auto with = [&](const char* key, const Json& value) {
    Json bad = good;
    bad[key] = value;
    return parse_debian_record(bad);
  };
  EXPECT_TRUE(with("form", "oci").is(Code::invalid));
  EXPECT_TRUE(with("suite", "../x").is(Code::invalid));
  EXPECT_TRUE(with("suite", 7).is(Code::invalid));
  EXPECT_TRUE(with("packages", Json::array({"a"})).is(Code::invalid));
  EXPECT_TRUE(with("packages", Json::object()).is(Code::invalid));
  EXPECT_TRUE(with("packages", {{"a", 1}}).is(Code::invalid));
  EXPECT_TRUE(with("packages", {{"--option", "1"}}).is(Code::invalid));
  EXPECT_TRUE(with("packages", {{"a", "1 b"}}).is(Code::invalid));
  EXPECT_TRUE(with("recipe", 1000).is(Code::too_new));
  EXPECT_TRUE(with("architecture", "vax").is(Code::unsupported));
  EXPECT_TRUE(parse_debian_record(Json()).is(Code::invalid));
  EXPECT_TRUE(parse_debian_record(Json::array()).is(Code::invalid));
}

}  // namespace
}  // namespace baton
