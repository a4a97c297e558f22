#include "image/apt_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/files.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kDebianKey[] = "/usr/share/keyrings/debian-archive-keyring.gpg";

AptSource source(const std::string& uri, const std::string& suite, const std::string& key = "") {
  return {uri, suite, {"main"}, key, false};
}

std::vector<std::string> suites(const std::vector<AptSource>& sources) {
  std::vector<std::string> out;
  out.reserve(sources.size());
  for (const auto& s : sources) out.push_back(s.suite);
  return out;
}

TEST(OneLineSources, ReadsOptionsAndComponents) {
  auto got = parse_one_line_sources(
      "# comment\n"
      "deb http://mirror.example/debian/ bookworm main contrib # why\n"
      "deb\t[ arch=amd64 signed-by=/k.gpg,/other.gpg trusted=yes ]  http://m.example/x "
      "bookworm-security main\n"
      "deb-src http://mirror.example/debian bookworm main\n");
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_EQ(got[0].uri, "http://mirror.example/debian");
  EXPECT_THAT(got[0].components, ElementsAre("main", "contrib"));
  EXPECT_FALSE(got[0].trusted);
  EXPECT_EQ(got[1].signed_by, "/k.gpg");
  EXPECT_TRUE(got[1].trusted);
}

TEST(OneLineSources, SkipsWhatItCannotUse) {
  EXPECT_THAT(parse_one_line_sources("deb http://flat.example ./\n"
                                     "deb cdrom:[Debian GNU/Linux 12]/ bookworm main\n"
                                     "deb [signed-by=/k.gpg http://no-end.example bookworm main\n"
                                     "deb http://no-components.example bookworm\n"
                                     "deb not-a-uri bookworm main\n"
                                     "deb http://flat2.example bookworm/ main\n"
                                     "debian\n\n deb\n[]\n"
                                     "deb http://x.example/\x01 bookworm main\n"),
              IsEmpty());
}

TEST(OneLineSources, SurvivesAnyBytes) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (size_t cut = 0; cut < all.size(); ++cut) {
    parse_one_line_sources("deb [" + all.substr(cut) + "] " + all.substr(0, cut));
    parse_deb822_sources("Types: deb\nURIs: " + all.substr(cut) + "\nSuites:" + all.substr(0, cut));
  }
}

TEST(Deb822Sources, ReadsEveryUriAndSuite) {
  auto got = parse_deb822_sources(
      "Types: deb deb-src\n"
      "# a comment inside\n"
      "uris: http://a.example/debian/ http://b.example/debian\n"
      "Suites: bookworm\n bookworm-updates\n"
      "Components: main non-free\n"
      "Signed-By: /k.gpg\n"
      "\n\n"
      "Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n"
      "\n"
      "Types: deb-src\nURIs: http://src.example\nSuites: bookworm\nComponents: main\n");
  ASSERT_THAT(got, SizeIs(4));
  EXPECT_EQ(got[0].uri, "http://a.example/debian");
  EXPECT_EQ(got[1].suite, "bookworm-updates");
  EXPECT_EQ(got[3].uri, "http://b.example/debian");
  EXPECT_THAT(got[3].components, ElementsAre("main", "non-free"));
  EXPECT_EQ(got[3].signed_by, "/k.gpg");
}

TEST(Deb822Sources, KeepsAKeyBlock) {
  std::string text =
      "Types: deb\nURIs: http://a.example/debian\nSuites: trixie\nComponents: main\n"
      "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINB\n -----END PGP PUBLIC KEY "
      "BLOCK-----\n\n";
  auto got = parse_deb822_sources(text);
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(sources_text(got), text);
}

TEST(AptSources, ReadsAllFilesOfAMachine) {
  auto dir = TempDir::create("apt");
  ASSERT_TRUE(dir.ok());
  std::string parts = dir->path() + "/sources.list.d";
  ASSERT_TRUE(make_dirs(parts).ok());
  ASSERT_TRUE(replace_file(dir->path() + "/sources.list",
                           "deb http://a.example/debian bookworm main\n", false)
                  .ok());
  ASSERT_TRUE(
      replace_file(parts + "/b.list", "deb http://b.example/debian bookworm main\n", false).ok());
  ASSERT_TRUE(replace_file(parts + "/c.sources",
                           "Types: deb\nURIs: http://c.example\nSuites: x\nComponents: main\n",
                           false)
                  .ok());
  ASSERT_TRUE(
      replace_file(parts + "/d.list.save", "deb http://d.example/debian bookworm main\n", false)
          .ok());
  ASSERT_TRUE(make_dirs(parts + "/e.list").ok());
  auto got = read_apt_sources(dir->path());
  ASSERT_THAT(got, SizeIs(3));
  EXPECT_EQ(got[2].uri, "http://c.example");
  EXPECT_THAT(read_apt_sources(dir->path() + "/absent"), IsEmpty());
}

TEST(DebianSources, DerivesAnotherSuite) {
  auto got =
      debian_sources({source("https://third.example/repo", "bookworm", "/third.gpg"),
                      source("http://m.example/debian", "bookworm", kDebianKey),
                      source("http://m.example/debian", "bookworm-updates", kDebianKey),
                      source("http://m.example/debian", "bookworm-backports", kDebianKey),
                      source("http://s.example/debian-security", "bookworm-security", kDebianKey)},
                     "bookworm", "trixie", "");
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(suites(*got), ElementsAre("trixie", "trixie-updates", "trixie-security"));
  EXPECT_EQ((*got)[0].uri, "http://m.example/debian");
  EXPECT_EQ((*got)[2].uri, "http://s.example/debian-security");
  EXPECT_EQ((*got)[2].signed_by, kDebianKey);
}

TEST(DebianSources, UsesNoPartThatTheMachineDoesNotUse) {
  auto got = debian_sources({source("http://m.example/debian", "bookworm", kDebianKey)}, "bookworm",
                            "trixie", "");
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(suites(*got), ElementsAre("trixie"));
}

TEST(DebianSources, UnstableStandsAlone) {
  auto got = debian_sources({source("http://m.example/debian", "bookworm", kDebianKey),
                             source("http://m.example/debian", "bookworm-updates", kDebianKey)},
                            "bookworm", "sid", "");
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(suites(*got), ElementsAre("sid"));
}

TEST(DebianSources, ThirdPartiesAreNotDebian) {
  auto got = debian_sources(
      {source("https://apt.third.example", "stable", "/usr/share/keyrings/third.gpg"),
       source("https://apt.other.example", "bookworm", "/usr/share/keyrings/other.gpg")},
      "bookworm", "trixie", "");
  ASSERT_TRUE(got.is(Code::unsupported));
  EXPECT_NE(got.error().hint.find("BATON_DEBIAN_MIRROR"), std::string::npos);
}

TEST(DebianSources, AMirrorGivenReplacesTheMachines) {
  auto got = debian_sources({}, "", "trixie",
                            "http://snap.example/debian/1 http://snap.example/security/1");
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(suites(*got), ElementsAre("trixie", "trixie-updates", "trixie-security"));
  EXPECT_EQ((*got)[0].uri, "http://snap.example/debian/1");
  EXPECT_EQ((*got)[2].uri, "http://snap.example/security/1");
  EXPECT_FALSE((*got)[0].trusted);
}

TEST(DebianSources, LocalMirrorsAreCopiedFrom) {
  auto got = debian_sources({source("file:///srv/debian", "bookworm")}, "bookworm", "trixie", "");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ((*got)[0].uri, "copy:///srv/debian");
}

}  // namespace
}  // namespace baton
