#include "net/shown_url.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

TEST(ShownUrl, IsWhatIsSecretInNothing) {
  EXPECT_EQ(shown_url("https://host/path"), "https://host/path");
  EXPECT_EQ(shown_url("s3://bucket/a?odd=secret"), "s3://bucket/a…");
  EXPECT_EQ(shown_url("https://host/a#secret"), "https://host/a…");
  EXPECT_EQ(shown_url("https://me:secret@host/a"), "…@host/a");
  EXPECT_EQ(shown_url("https://me:se/cret@host/a"), "…@host/a");
  EXPECT_EQ(shown_url("https://me:se?cret@host/a"), "https://…");
  EXPECT_EQ(shown_url("https://me:secret@host/a?sig=secret"), "…@host/a…");
  EXPECT_EQ(shown_url("https://me@host/a?sig=sec@ret"), "https://…");
  EXPECT_EQ(shown_url("secret?se@cret"), "…");
  EXPECT_EQ(shown_url(""), "");
}

TEST(ShownUrl, IsPrintableAndShort) {
  EXPECT_EQ(shown_url("a\x1b[2J").find('\x1b'), std::string::npos);
  EXPECT_LT(shown_url(std::string(100'000, 'x')).size(), 300u);
}

}  // namespace
}  // namespace baton
