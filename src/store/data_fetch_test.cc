#include "store/data_fetch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/crc64.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "net/test_server.h"
#include "os/files.h"
#include "store/fake_bucket.h"
#include "store/http_file.h"

namespace baton {
namespace {

std::string md5_of(const std::string& bytes) { return "md5:" + hex(md5(bytes)); }

class DataFetchTest : public testing::Test {
 protected:
  DataFetchTest() {
    clock_.set_auto_advance(true);
    options_.parallel = 1;
    options_.part_size = 10;
    source_.bucket = bucket_;
  }
  void add(const std::string& name, FakeBucket::Object object) {
    bucket_->set(name, std::move(object));
    auto there = bucket_->head(name);
    source_.files.push_back({name, there->size, there->version, there->sum});
  }
  Status fetch() {
    return fetch_data(source_, dir_.path() + "/tree", dir_.path() + "/parts", clock_, options_);
  }
  std::string got(const std::string& name) {
    auto bytes = read_file(dir_.path() + "/tree/" + name);
    return bytes.ok() ? *bytes : "(none)";
  }
  bool parts_left() {
    auto names = list_dir(dir_.path() + "/parts");
    return names.ok() && !names->empty();
  }

  TempDir dir_ = TempDir::create("baton-data").value();
  ManualClock clock_;
  std::shared_ptr<FakeBucket> bucket_ = std::make_shared<FakeBucket>();
  DataSource source_;
  FetchOptions options_;
  const std::string long_ = "the first ten, the next, and a rest";
};

TEST_F(DataFetchTest, FetchesWholeFilesAndParts) {
  add("a/b", {"short"});
  add("empty", {""});
  add("long", {long_});
  uint64_t done = 0;
  options_.progress = [&](uint64_t now, uint64_t) { done = now; };
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("a/b") + got("empty") + got("long"), "short" + long_);
  EXPECT_EQ(bucket_->asked("get"), 1 + 4U);
  EXPECT_FALSE(parts_left());
  EXPECT_EQ(missing_bytes(source_, dir_.path() + "/tree"), 0U);
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(bucket_->asked("get"), 5U);  // what is there is there
}

TEST_F(DataFetchTest, AServerWithoutRangesGivesItInOnePiece) {
  bucket_->ranges = false;
  add("long", {long_});
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("long"), long_);
  EXPECT_EQ(bucket_->asked("get"), 1U);
}

TEST_F(DataFetchTest, WhatWasCutOffGoesOnByParts) {
  add("long", {long_});
  int left = 2;
  bucket_->before = [&](const std::string& what, const std::string&) -> Status {
    if (what == "get" && left-- == 0) return Error{Code::denied, "cut off", ""};
    return {};
  };
  EXPECT_TRUE(fetch().is(Code::denied));
  EXPECT_TRUE(parts_left());
  bucket_->before = nullptr;
  // Lines that no part has are passed over.
  auto names = list_dir(dir_.path() + "/parts");
  for (const auto& name : *names)
    if (ends_with(name, ".done")) {
      auto text = read_file(dir_.path() + "/parts/" + name);
      ASSERT_TRUE(replace_file(dir_.path() + "/parts/" + name,
                               *text + "\n7 00000000\n2 xyz\n-1\n\n3 1", false, 0644)
                      .ok());
    }
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("long"), long_);
  EXPECT_EQ(bucket_->asked("get"), 3 + 2U);
}

// A line that a full disk has torn must not become another part's with what is written behind it.
TEST_F(DataFetchTest, ATornNoteNamesNoPart) {
  std::string content;
  for (char c = 'a'; c < 'a' + 16; ++c) content += std::string(10, c);
  add("long", {content, "", "", false});
  int left = 5;
  bucket_->before = [&](const std::string& what, const std::string&) -> Status {
    if (what == "get" && left-- == 0) return Error{Code::denied, "cut off", ""};
    return {};
  };
  EXPECT_TRUE(fetch().is(Code::denied));
  auto names = list_dir(dir_.path() + "/parts");
  ASSERT_TRUE(names.ok());
  for (const auto& name : *names) {
    if (!ends_with(name, ".done")) continue;
    auto fd = open_file(dir_.path() + "/parts/" + name, O_WRONLY | O_APPEND);
    ASSERT_TRUE(fd.ok());
    ASSERT_TRUE(write_all(fd->get(), "\n1", name).ok());  // of "14 …"; then comes part 5
  }
  left = 1;
  EXPECT_TRUE(fetch().is(Code::denied));
  bucket_->before = nullptr;
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("long"), content);
}

// Root may write what nobody may.
TEST_F(DataFetchTest, AUserWithoutPrivilegesFetchesParts) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const int kReadingAgain = 1, kCutOff = 2;
  ASSERT_EQ(chown(dir_.path().c_str(), 65534, 65534), 0);
  add("long", {long_});
  pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(99);
    int failed = fetch().ok() && got("long") == long_ ? 0 : kCutOff;
    int left = 1;
    bucket_->bend = [&](const std::string&, std::string& bytes) {
      if (left-- > 0) bytes[0] ^= 1;
    };
    if (!remove_tree(dir_.path() + "/tree").ok() || !fetch().ok() || got("long") != long_)
      failed |= kReadingAgain;
    _exit(failed);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  struct stat info {};
  ASSERT_EQ(stat((dir_.path() + "/tree/long").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534U);
  EXPECT_EQ(info.st_mode & 07777, 0444U);
}

// As when it was interrupted between the last two steps.
TEST_F(DataFetchTest, WhatMayNotBeWrittenAnyMoreIsTakenUpAgain) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  add("long", {long_, "", md5_of("other"), false});
  int left = 3;
  bucket_->before = [&](const std::string& what, const std::string&) -> Status {
    if (what == "get" && left-- == 0) return Error{Code::denied, "cut off", ""};
    return {};
  };
  ASSERT_EQ(chown(dir_.path().c_str(), 65534, 65534), 0);
  pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(99);
    if (!fetch().is(Code::denied)) _exit(1);
    auto names = list_dir(dir_.path() + "/parts");
    for (const auto& name : *names)
      if (!ends_with(name, ".done")) chmod((dir_.path() + "/parts/" + name).c_str(), 0444);
    bucket_->before = nullptr;
    _exit(fetch().is(Code::transient) ? 0 : 2);  // its checksum differs, which takes readings
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(DataFetchTest, AnotherContentIsRefused) {
  for (const char* bytes : {"short", "other"}) {
    source_.files.clear();
    add("a", {"short", "", md5_of("short")});
    bucket_->set("a", {bytes, "", md5_of(bytes)});
    Status fetched = fetch();
    bool same = std::string(bytes) == "short";  // uploaded anew: another version of the same
    EXPECT_EQ(fetched.ok(), same) << bytes;
    if (same) {
      EXPECT_EQ(got("a"), "short");
      ASSERT_TRUE(remove_tree(dir_.path() + "/tree").ok());
      continue;
    }
    EXPECT_TRUE(fetched.is(Code::permanent));
    EXPECT_NE(fetched.error().message.find("it was replaced meanwhile"), std::string::npos);
  }
}

TEST_F(DataFetchTest, WithoutASumAnotherVersionIsAnotherContent) {
  add("a", {"short"});
  bucket_->set("a", {"short"});
  EXPECT_TRUE(fetch().is(Code::permanent));
  add("gone", {"x"});
  source_.files.erase(source_.files.begin());
  ASSERT_TRUE(bucket_->remove("gone").ok());
  EXPECT_TRUE(fetch().is(Code::permanent));
}

TEST_F(DataFetchTest, WhatIsReplacedAgainAndAgainIsGivenUp) {
  const FakeBucket::Object object{long_, "", md5_of(long_)};
  add("a", object);
  int replaced = 0;
  bucket_->before = [&](const std::string& what, const std::string&) -> Status {
    if (what == "get") bucket_->set("a", object);
    if (what == "get") ++replaced;
    return {};
  };
  EXPECT_TRUE(fetch().is(Code::permanent));
  EXPECT_EQ(replaced, 6);
  bucket_->before = nullptr;
}

TEST_F(DataFetchTest, ReplacedBetweenTwoPartsByTheSame) {
  const FakeBucket::Object object{long_, "", md5_of(long_), false};
  add("a", object);
  int gets = 0;
  bucket_->before = [&](const std::string& what, const std::string&) -> Status {
    if (what == "get" && ++gets == 2) bucket_->set("a", object);
    return {};
  };
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("a"), long_);
  EXPECT_EQ(gets, 4 + 1);
}

// One bit is turned in the first `times` gets.
struct Damage {
  const char* what;
  std::string bytes;
  bool crc;
  const char* kind;  // of the sum
  int times;
  bool good;
};

TEST_F(DataFetchTest, DamageOnTheWay) {
  const std::string rest(33, 'r');
  std::vector<Damage> all = {
      {"crc, one part", "short", true, "", 2, true},
      {"crc, one part, always", "short", true, "", 99, false},
      {"crc, parts", rest, true, "", 1, true},
      {"crc, parts, always", rest, true, "", 99, false},
      {"md5, one part", "short", false, "md5:", 2, true},
      {"md5, always", "short", false, "md5:", 99, false},
      {"sha256, parts", rest, false, "sha256:", 1, true},
      {"sha256, always", rest, false, "sha256:", 99, false},
      {"crc64, parts", rest, false, "crc64nvme:", 1, true},
      {"crc64, always", rest, false, "crc64nvme:", 99, false},
      {"perhaps an md5", "short", false, "md5?:", 1, true},
  };
  for (const Damage& damage : all) {
    SCOPED_TRACE(damage.what);
    source_.files.clear();
    const std::string kind = damage.kind;
    std::string sum = kind.empty()        ? ""
                      : kind == "sha256:" ? kind + sha256_hex(damage.bytes)
                      : kind == "crc64nvme:"
                          ? fmt::format("{}{:016x}", kind, crc64_nvme(damage.bytes))
                          : kind + hex(md5(damage.bytes));
    add("a", {damage.bytes, "", sum, damage.crc});
    int left = damage.times;
    bucket_->bend = [&](const std::string&, std::string& bytes) {
      if (left-- > 0) bytes[0] ^= 1;
    };
    Status fetched = fetch();
    EXPECT_EQ(fetched.ok(), damage.good);
    if (damage.good) {
      EXPECT_EQ(got("a"), damage.bytes);
    } else {
      EXPECT_TRUE(fetched.is(Code::transient));
      EXPECT_NE(fetched.error().message.find("its checksum differs"), std::string::npos);
      EXPECT_EQ(got("a"), "(none)");
    }
    EXPECT_FALSE(parts_left());
    ASSERT_TRUE(remove_tree(dir_.path() + "/tree").ok());
  }
}

TEST_F(DataFetchTest, AnETagThatIsNoMd5) {
  add("a", {long_, "", "md5?:" + std::string(32, '0'), false});
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("a"), long_);
  EXPECT_EQ(bucket_->asked("get"), 8U);  // everything twice
}

// Ten bytes a part, as md5sum has it.
const char kPartsSum[] = "md5-parts:175596fce0c520193555c04bf01c6ba4-4";

TEST_F(DataFetchTest, ASumOfParts) {
  bucket_->uploaded_in = 10;
  add("a", {long_, "", kPartsSum, false});
  int left = 1;
  bucket_->bend = [&](const std::string&, std::string& bytes) {
    if (left-- > 0) bytes[0] ^= 1;
  };
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(got("a"), long_);
  EXPECT_EQ(bucket_->asked("get"), 8U);  // the damage was seen
  EXPECT_EQ(bucket_->asked("part_size"), 2U);
}

TEST_F(DataFetchTest, ASumOfPartsWhoseSizesAreNotKnown) {
  for (uint64_t size : {0, 9, 11, 35}) {  // 9: five parts would fit, 11: four, but not these
    bucket_->uploaded_in = size;
    add("a", {long_, "", kPartsSum, false});
    const size_t before = bucket_->asked("get");
    ASSERT_TRUE(fetch().ok()) << size;
    EXPECT_EQ(got("a"), long_);
    EXPECT_EQ(bucket_->asked("get") - before, size == 9 || size == 11 ? 8U : 4U) << size;
    source_.files.clear();
    ASSERT_TRUE(remove_tree(dir_.path() + "/tree").ok());
  }
}

TEST_F(DataFetchTest, MoreAndFewerBytesThanAnnouncedAreTriedAgain) {
  for (int change : {-1, 1}) {
    add("a", {"short"});
    int left = 1;
    bucket_->bend = [&](const std::string&, std::string& bytes) {
      if (left-- > 0) bytes.resize(bytes.size() + static_cast<size_t>(change), 'x');
    };
    ASSERT_TRUE(fetch().ok()) << change;
    EXPECT_EQ(got("a"), "short");
    source_.files.clear();
    ASSERT_TRUE(remove_tree(dir_.path() + "/tree").ok());
  }
}

TEST_F(DataFetchTest, WhoIsAskedMeanwhileCanEndIt) {
  add("a", {"x"});
  std::atomic<bool> polled{false};
  bucket_->before = [&](const std::string& what, const std::string&) -> Status {
    while (what == "get" && !polled) std::this_thread::yield();
    return {};
  };
  options_.poll = [&]() -> Status {
    polled = true;
    return Error{Code::cancelled, "enough", ""};
  };
  EXPECT_TRUE(fetch().is(Code::cancelled));
}

// What the web gives slowly, in one piece, to somebody who has enough after half a second.
class SlowFetchTest : public DataFetchTest {
 protected:
  int64_t ended_after_ms(TestReply reply) {
    TestServer server([&](const TestRequest& request) {
      return request.method == "HEAD" ? TestReply{.body = std::string(4096, 'x')} : reply;
    });
    SystemClock clock;
    std::shared_ptr<Bucket> bucket =
        make_http_file(server.url() + "/f.bin", make_http_client(), clock);
    DataSource source;
    source.bucket = bucket;
    source.files.push_back({"f.bin", bucket->head("f.bin")->size, ""});
    const int64_t begin = clock.mono_ms();
    options_.poll = [&]() -> Status {
      if (clock.mono_ms() - begin < 500) return {};
      return Error{Code::cancelled, "the machine goes", ""};
    };
    Status fetched =
        fetch_data(source, dir_.path() + "/tree", dir_.path() + "/parts", clock, options_);
    EXPECT_EQ(fetched.ok() ? "it came" : fetched.error().message, "the machine goes");
    return clock.mono_ms() - begin;
  }
};

TEST_F(SlowFetchTest, ADripIsCancelled) {
  EXPECT_LT(ended_after_ms({.body = std::string(4096, 'x'), .drip = 64, .drip_ms = 100}), 2000);
}

TEST_F(SlowFetchTest, AReplyThatDoesNotComeIsCancelled) {
  EXPECT_LT(ended_after_ms({.body = std::string(4096, 'x'), .delay_ms = 6000}), 2000);
}

TEST_F(SlowFetchTest, AWaitBetweenTwoTriesIsCancelled) {
  EXPECT_LT(ended_after_ms({.status = 503, .headers = {{"Retry-After", "6"}}}), 2000);
}

}  // namespace
}  // namespace baton
