// One suite that every ObjectStore passes. An implementation's test instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(S3, StoreConformance, testing::Values(maker));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "store/store.h"

namespace baton {

// One empty store, and ever new handles on it. Removes it when destroyed.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual std::unique_ptr<ObjectStore> open() = 0;
  // Whether another process that calls open() (after fork) sees the same objects.
  virtual bool shared_between_processes() const = 0;
};

struct StoreMaker {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};
inline std::ostream& operator<<(std::ostream& out, const StoreMaker& maker) {
  return out << maker.name;
}

class StoreConformance : public testing::TestWithParam<StoreMaker> {
 protected:
  void SetUp() override {
    under_test_ = GetParam().make();
    store_ = under_test_->open();
  }
  // Keys of one page.
  std::vector<std::string> keys(const std::string& prefix, const ListOptions& options = {});
  // Keys of all pages.
  std::vector<std::string> all_keys(const std::string& prefix, const ListOptions& options = {});

  std::unique_ptr<StoreUnderTest> under_test_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace baton
