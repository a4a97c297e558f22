// The conformance suite against a real S3 server, named by $BATON_TEST_S3
// ("http://127.0.0.1:9000"; tests/test_s3.py starts one). Without it, nothing is instantiated.
#include <atomic>
#include <cstdlib>
#include <vector>

#include "base/ids.h"
#include "os/clock.h"
#include "store/bucket_store.h"
#include "store/conformance.h"
#include "store/s3_bucket.h"

namespace baton {
namespace {

constexpr char kBucket[] = "baton-conformance";

std::string endpoint() {
  const char* value = std::getenv("BATON_TEST_S3");
  return value ? value : "";
}

std::unique_ptr<ObjectStore> open_at(const std::string& prefix, const TransferOptions& transfer,
                                     Clock& clock) {
  S3Place place{kBucket, prefix, endpoint(), "us-east-1", true};
  std::shared_ptr<HttpClient> http = make_http_client();
  std::shared_ptr<AwsCredentialSource> credentials =
      make_fixed_credentials({"test", "test-secret", "", 0, "the test"});
  BucketStoreOptions options;
  options.transfer = transfer;
  return make_bucket_store(make_s3_bucket(place, http, credentials, clock), clock, options);
}

class S3UnderTest : public StoreUnderTest {
 public:
  explicit S3UnderTest(const TransferOptions& transfer) : transfer_(transfer) {
    auto http = make_http_client();
    HttpRequest make;
    make.method = "PUT";
    make.url = endpoint() + "/" + kBucket;
    make.use_proxy = false;
    auto ignored = http->send(make);  // it may be there already
    (void)ignored;
  }
  std::unique_ptr<ObjectStore> open() override { return open_at(prefix_, transfer_, clock_); }
  bool shared_between_processes() const override { return true; }

 private:
  const TransferOptions transfer_;
  const std::string prefix_ = "test/" + new_nonce();
  SystemClock clock_;
};

std::vector<StoreMaker> makers() {
  if (endpoint().empty()) return {};
  TransferOptions usual;
  // Everything of some size travels in parts.
  TransferOptions parts;
  parts.part_size = 5 << 20;
  parts.single_below = 256 << 10;
  parts.parallel = 3;
  return {{"s3", [usual] { return std::make_unique<S3UnderTest>(usual); }},
          {"s3parts", [parts] { return std::make_unique<S3UnderTest>(parts); }}};
}

INSTANTIATE_TEST_SUITE_P(Bucket, StoreConformance, testing::ValuesIn(makers()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace baton
