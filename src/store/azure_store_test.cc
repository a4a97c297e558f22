// The conformance suite against a real server of Azure Blob Storage's protocol, the account's
// endpoint in $BATON_TEST_AZURE and its key in $BATON_TEST_AZURE_KEY (tests/test_azure.py starts
// Azurite). Without it, nothing is instantiated.
#include <cstdlib>
#include <vector>

#include "base/ids.h"
#include "os/clock.h"
#include "store/azure_bucket.h"
#include "store/bucket_store.h"
#include "store/conformance.h"

namespace baton {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

class AzureUnderTest : public StoreUnderTest {
 public:
  explicit AzureUnderTest(const TransferOptions& transfer) { options_.transfer = transfer; }

  std::unique_ptr<ObjectStore> open() override {
    std::string endpoint = variable("BATON_TEST_AZURE");
    AzurePlace place{endpoint.substr(endpoint.rfind('/') + 1), "store", prefix_, endpoint};
    AzureCredentials key{AzureCredentials::Kind::shared_key, variable("BATON_TEST_AZURE_KEY"), 0,
                         "the test"};
    auto credentials = std::make_shared<FixedCredentials<AzureCredentials>>(key);
    return make_bucket_store(make_azure_bucket(place, make_http_client(), credentials, clock_),
                             clock_, options_);
  }
  bool shared_between_processes() const override { return true; }

 private:
  BucketStoreOptions options_;
  const std::string prefix_ = "test/" + new_nonce();
  SystemClock clock_;
};

std::vector<StoreMaker> makers() {
  if (variable("BATON_TEST_AZURE").empty()) return {};
  TransferOptions usual;
  // Everything of some size travels in blocks.
  TransferOptions parts;
  parts.part_size = 1 << 20;
  parts.single_below = 256 << 10;
  parts.parallel = 3;
  return {{"azure", [usual] { return std::make_unique<AzureUnderTest>(usual); }},
          {"azureparts", [parts] { return std::make_unique<AzureUnderTest>(parts); }}};
}

INSTANTIATE_TEST_SUITE_P(Azure, StoreConformance, testing::ValuesIn(makers()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace baton
