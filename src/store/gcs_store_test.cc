// The conformance suite against a server that speaks Google's JSON API, named by $BATON_TEST_GCS
// ("http://127.0.0.1:9000"; tests/test_gcs.py starts one, with a bucket "store"). Without it,
// nothing is instantiated.
#include <cstdlib>
#include <vector>

#include "base/ids.h"
#include "os/clock.h"
#include "store/bucket_store.h"
#include "store/conformance.h"
#include "store/gcs_bucket.h"

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

}  // namespace
}  // namespace baton
