// A store that somebody else begins at the same moment.
#include <gtest/gtest.h>

#include "ledger/ledger_test_support.h"
#include "store/store.h"

namespace baton {
namespace {

// Another process makes the store between our look at the format file and our listing.
class Overtaken : public SharedStore {
 public:
  explicit Overtaken(ObjectStore& real) : SharedStore(real), real_(real) {}
  Result<std::string> get(const std::string& key, uint64_t limit) override {
    if (overtaken_ || key != "baton.json") return SharedStore::get(key, limit);
    overtaken_ = true;
    (void)check_store_format(real_, true);
    return Error{Code::not_found, "there is none", ""};
  }

 private:
  ObjectStore& real_;
  bool overtaken_ = false;
};

TEST(StoreFormat, AnotherOneMakesTheStoreAtTheSameMoment) {
  for (bool create : {false, true}) {
    auto real = make_mem_store();
    Overtaken store(*real);
    Status status = check_store_format(store, create);
    EXPECT_TRUE(status.ok()) << status.error().text();
  }
}

}  // namespace
}  // namespace baton
