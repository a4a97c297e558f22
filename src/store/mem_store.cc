// Objects in a map. The reference that the conformance suite holds the others to.
#include <map>
#include <mutex>

#include "base/text.h"
#include "store/store.h"

namespace baton {
namespace {

Error absent(const std::string& key) { return {Code::not_found, "no object " + key, ""}; }

class MemStore : public ObjectStore {
 public:
  Status create(const std::string& key, std::string_view bytes) override {
    BATON_TRY(check_key(key));
    std::lock_guard lock(mutex_);
    if (!objects_.emplace(key, bytes).second)
      return Error{Code::exists, key + " exists already", ""};
    return {};
  }

  Status put(const std::string& key, std::string_view bytes) override {
    BATON_TRY(check_key(key));
    std::lock_guard lock(mutex_);
    objects_.insert_or_assign(key, std::string(bytes));
    return {};
  }

  Result<std::string> get(const std::string& key, uint64_t limit) override {
    BATON_TRY(check_key(key));
    std::lock_guard lock(mutex_);
    auto it = objects_.find(key);
    if (it == objects_.end()) return absent(key);
    if (it->second.size() > limit)
      return Error{Code::invalid, key + " is larger than " + std::to_string(limit) + " bytes", ""};
    return it->second;
  }

  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    BATON_TRY(check_key(key));
    std::lock_guard lock(mutex_);
    auto it = objects_.find(key);
    if (it == objects_.end()) return absent(key);
    if (offset >= it->second.size()) return std::string();
    return it->second.substr(offset, size);
  }

  Result<ObjectInfo> head(const std::string& key) override {
    BATON_TRY(check_key(key));
    std::lock_guard lock(mutex_);
    auto it = objects_.find(key);
    if (it == objects_.end()) return absent(key);
    return ObjectInfo{key, it->second.size()};
  }

  Status remove(const std::string& key) override {
    BATON_TRY(check_key(key));
    std::lock_guard lock(mutex_);
    objects_.erase(key);
    return {};
  }

  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    BATON_TRY(check_prefix(prefix));
    std::lock_guard lock(mutex_);
    ListPage page;
    for (auto it = objects_.lower_bound(prefix);
         it != objects_.end() && starts_with(it->first, prefix); ++it) {
      ObjectInfo entry{it->first, it->second.size()};
      size_t slash = it->first.find('/', prefix.size());
      if (options.directories && slash != std::string::npos)
        entry = {it->first.substr(0, slash + 1), 0};
      if (entry.key <= options.after) continue;
      if (!page.objects.empty() && page.objects.back().key == entry.key) continue;
      if (page.objects.size() == options.limit) {
        page.more = true;
        break;
      }
      page.objects.push_back(std::move(entry));
    }
    return page;
  }

  void defer_sync(bool) override {}
  Status flush() override { return {}; }
  std::string name() const override { return "memory"; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> objects_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_mem_store() { return std::make_unique<MemStore>(); }

}  // namespace baton
