// The conformance suite against a server that speaks Google's JSON API, named by $BATON_TEST_GCS
// ("http://127.0.0.1:9000"; tests/test_gcs.py starts one, with a bucket "store"). Without it,
// nothing is instantiated.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/ids.h"
#include "os/clock.h"
#include "store/bucket_store.h"
#include "store/conformance.h"
#include "store/gcs_bucket.h"
#include "store/transfer.h"

namespace baton {
namespace {

std::string endpoint() {
  const char* value = std::getenv("BATON_TEST_GCS");
  return value ? value : "";
}

class GcsUnderTest : public StoreUnderTest {
 public:
  explicit GcsUnderTest(const TransferOptions& transfer) : transfer_(transfer) {}
  std::unique_ptr<ObjectStore> open() override {
    GcsPlace place{"store", prefix_, endpoint(), ""};
    BucketStoreOptions options;
    options.transfer = transfer_;
    return make_bucket_store(make_gcs_bucket(place, make_http_client(), nullptr, clock_), clock_,
                             options);
  }
  bool shared_between_processes() const override { return true; }

 private:
  const TransferOptions transfer_;
  const std::string prefix_ = "test/" + new_nonce();
  SystemClock clock_;
};

std::vector<StoreMaker> makers() {
  if (endpoint().empty()) return {};
  TransferOptions usual;
  // Everything of some size travels in parts, and they in groups.
  TransferOptions parts;
  parts.part_size = 128 << 10;
  parts.single_below = 256 << 10;
  parts.parallel = 3;
  return {{"gcs", [usual] { return std::make_unique<GcsUnderTest>(usual); }},
          {"gcsparts", [parts] { return std::make_unique<GcsUnderTest>(parts); }}};
}

INSTANTIATE_TEST_SUITE_P(Gcs, StoreConformance, testing::ValuesIn(makers()),
                         [](const auto& test) { return test.param.name; });

// 1100 parts are composed in groups of 32, and they in groups again.
class GcsUploads : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GcsUploads);  // without a server to test against

TEST_P(GcsUploads, ManyPartsBecomeOneObjectAndNothingStays) {
  SystemClock clock;
  auto bucket = make_gcs_bucket({"store", "many/" + new_nonce(), GetParam(), ""},
                                make_http_client(), nullptr, clock);
  TransferOptions options;
  options.part_size = 1000;
  options.single_below = 1;
  BucketRetry retry(*bucket, clock, options);
  std::string bytes;
  for (int i = 0; bytes.size() < 1'099'500; ++i) bytes += std::to_string(i);
  ASSERT_TRUE(upload(*bucket, retry, options, "k", memory_source(bytes), Write::if_absent).ok());
  auto again = upload(*bucket, retry, options, "k", memory_source("another"), Write::if_absent);
  EXPECT_TRUE(again.is(Code::exists));
  std::string back(bytes.size(), '\0');
  auto take = [&](uint64_t offset, std::string_view piece) -> Status {
    std::memcpy(back.data() + offset, piece.data(), piece.size());
    return {};
  };
  options.part_size = 1 << 20;
  ASSERT_TRUE(download(*bucket, retry, options, "k", bytes.size(), take).ok());
  EXPECT_EQ(back, bytes);
  auto folded = bucket->list("", "", "", true, 10);  // also what a plain listing hides
  ASSERT_TRUE(folded.ok());
  ASSERT_EQ(folded->objects.size(), 1u);
  EXPECT_EQ(folded->objects[0].key, "k");
}

std::vector<std::string> endpoints() {
  return endpoint().empty() ? std::vector<std::string>() : std::vector{endpoint()};
}

INSTANTIATE_TEST_SUITE_P(Gcs, GcsUploads, testing::ValuesIn(endpoints()),
                         [](const auto&) { return "gcs"; });

}  // namespace
}  // namespace baton
