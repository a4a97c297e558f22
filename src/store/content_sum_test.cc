#include "store/content_sum.h"

#include <gtest/gtest.h>

#include "os/files.h"

namespace baton {
namespace {

// By Python's hashlib and zlib; the CRC-32C bit by bit. Parts of ten bytes.
const char kContent[] = "the first ten, the next, and a rest";
struct Known {
  const char *kind, *whole, *parts;
};
const Known kKnown[] = {
    {"md5", "f13f82e2f8c2b2e81f1ec8387c211157", "175596fce0c520193555c04bf01c6ba4"},
    {"sha1", "a1fb7fe7b077583480549a95e52f05f9ed8fe4c0",
     "f038d425a83a3972267c49fb97fdf2b3b20d3073"},
    {"sha256", "ee9e0edd38d5080f3c9a006f6315fdae63cd43a70827c9a933a2dc20f6430cd5",
     "a42d8bb38fc0732fc98dee176b3939cff6f627993acf4a043f88e451f85b506c"},
    {"crc32", "dfc8cf21", "a34a41b2"},
    {"crc32c", "649fea25", "eafea23f"},
};

TEST(ContentSum, OfWholeFilesAndOfParts) {
  TempDir dir = TempDir::create("baton-sum").value();
  const std::string path = dir.path() + "/file";
  ASSERT_TRUE(replace_file(path, kContent, false).ok());
  for (const Known& known : kKnown) {
    SCOPED_TRACE(known.kind);
    const std::string whole = std::string(known.kind) + ":" + known.whole;
    const std::string parts = std::string(known.kind) + "-parts:" + known.parts + "-4";
    EXPECT_EQ(parts_of(whole), 0U);
    EXPECT_EQ(parts_of(parts), 4U);
    EXPECT_TRUE(is_sure(whole));
    EXPECT_FALSE(is_sure(parts));
    EXPECT_TRUE(*file_has_sum(path, whole, 0));
    EXPECT_TRUE(*file_has_sum(path, parts, 10));
    EXPECT_FALSE(*file_has_sum(path, parts, 9));
    ASSERT_TRUE(replace_file(path, "The first ten, the next, and a rest", false).ok());
    EXPECT_FALSE(*file_has_sum(path, whole, 0));
    EXPECT_FALSE(*file_has_sum(path, parts, 10));
    ASSERT_TRUE(replace_file(path, kContent, false).ok());
  }
}

TEST(ContentSum, APartThatFillsTheFile) {
  TempDir dir = TempDir::create("baton-sum").value();
  const std::string path = dir.path() + "/file";
  ASSERT_TRUE(replace_file(path, "123456789", false).ok());
  EXPECT_TRUE(*file_has_sum(path, "crc64nvme:ae8b14860a799888", 0));
  EXPECT_TRUE(*file_has_sum(path, "crc32:cbf43926", 0));
  EXPECT_TRUE(*file_has_sum(path, "crc32-parts:ee4c6550-1", 9));
  EXPECT_TRUE(*file_has_sum(path, "crc32-parts:ee4c6550-1", 100));
}

TEST(ContentSum, KindsThatNobodyKnows) {
  for (const char* sum : {"md4:00", "x", ":", "-parts:00-1", "?:00"})
    EXPECT_TRUE(file_has_sum("/dev/null", sum, 1).is(Code::unsupported)) << sum;
}

TEST(ContentSum, WhatIsToldBadlyIsNotTold) {
  const std::string crc = "y/Q5Jg==";
  EXPECT_EQ(told_crc32(crc), "crc32:cbf43926");
  EXPECT_EQ(told_crc32(crc + "-12"), "crc32-parts:cbf43926-12");
  for (const std::string& bad : {crc + "-", crc + "-0", crc + "-x", crc + "--1", crc + "-1-1",
                                 std::string("y/Q5"), std::string("-3"), std::string()})
    EXPECT_EQ(told_crc32(bad), "") << bad;
  const std::string digits(32, 'b');
  EXPECT_EQ(etag_sum('"' + digits + '"', true), "md5:" + digits);
  EXPECT_EQ(etag_sum('"' + digits + '"', false), "md5?:" + digits);
  EXPECT_EQ(etag_sum('"' + digits + "-7\"", true), "md5-parts:" + digits + "-7");
  for (const std::string& bad : {digits, '"' + digits, '"' + digits + "-\"", '"' + digits + "x\"",
                                 std::string("\""), std::string("\"-1\""), std::string()})
    EXPECT_EQ(etag_sum(bad, true), "") << bad;
}

}  // namespace
}  // namespace baton
