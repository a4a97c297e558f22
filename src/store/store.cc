#include "store/store.h"

#include <algorithm>

#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kMaxKey = 900;
constexpr size_t kMaxPart = 255;  // NAME_MAX of the filesystems in use

bool key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._~=,+@-").find(c) != std::string_view::npos;
}

bool valid_part(std::string_view part) {
  return !part.empty() && part.size() <= kMaxPart && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), key_char);
}

}  // namespace

Result<size_t> ObjectStore::read_into(const std::string& key, char* to, size_t size) {
  BATON_ASSIGN(std::string bytes, get(key, size));
  bytes.copy(to, bytes.size());
  return bytes.size();
}

bool valid_key(std::string_view key) {
  if (key.empty() || key.size() > kMaxKey) return false;
  if (key.substr(0, key.find('/')) == "tmp") return false;
  for (size_t start = 0; start <= key.size();) {
    size_t end = std::min(key.find('/', start), key.size());
    if (!valid_part(key.substr(start, end - start))) return false;
    start = end + 1;
  }
  return true;
}

bool valid_prefix(std::string_view prefix) {
  return prefix.empty() || (prefix.back() == '/' && valid_key(prefix.substr(0, prefix.size() - 1)));
}

Status check_key(std::string_view key) {
  if (valid_key(key)) return {};
  return Error{Code::invalid, "\"" + printable(key) + "\" is not a name that a store can hold", ""};
}

Status check_prefix(std::string_view prefix) {
  if (valid_prefix(prefix)) return {};
  return Error{Code::invalid, "\"" + printable(prefix) + "\" is not a prefix that a store can list",
               ""};
}

Status for_each_object(ObjectStore& store, const std::string& prefix, const ListOptions& options,
                       const std::function<bool(const ObjectInfo&)>& each) {
  ListOptions next = options;
  while (true) {
    BATON_ASSIGN(ListPage page, store.list(prefix, next));
    for (const ObjectInfo& object : page.objects)
      if (!each(object)) return {};
    if (!page.more || page.objects.empty()) return {};
    next.after = page.objects.back().key;
  }
}

}  // namespace baton
