// Where the pages of a listing begin, for a service that cannot begin one behind a given name.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace baton {

// Remembers the token of each page together with the first key that the page had. A listing that is
// to go on behind some key may then begin with the last page whose first key is not behind that
// one: nothing that was written meanwhile is missed, since the page begins no later than with that
// key. (The end of the page before would not do: what is written between it and the token is.)
// Thread-safe.
class PageStarts {
 public:
  void note(const std::string& listing, const std::string& first, const std::string& token) {
    std::lock_guard lock(mutex_);
    if (count_ >= kMost) {
      starts_.clear();
      count_ = 0;
    }
    count_ += starts_[listing].insert_or_assign(first, token).second ? 1 : 0;
  }

  // "": begin at the start.
  std::string before(const std::string& listing, const std::string& after) const {
    std::lock_guard lock(mutex_);
    auto pages = starts_.find(listing);
    if (pages == starts_.end()) return "";
    auto next = pages->second.upper_bound(after);
    return next == pages->second.begin() ? "" : std::prev(next)->second;
  }

  void forget(const std::string& listing) {
    std::lock_guard lock(mutex_);
    starts_.erase(listing);  // count_ stays too high until the next clearing: no harm
  }

 private:
  static constexpr size_t kMost = 10'000;  // some MiB
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> starts_;
  size_t count_ = 0;
};

}  // namespace baton
