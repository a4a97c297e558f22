#include "ledger/markers.h"

#include <algorithm>
#include <cstdint>
#include <functional>

#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kPage = 100'000;  // a directory reads all of it for every page

// Keys below `prefix`, ascending, that is by job.
Result<std::vector<std::string>> all_keys(ObjectStore& store, const std::string& prefix) {
  std::vector<std::string> keys;
  BATON_TRY(for_each_object(store, prefix, {.limit = kPage, .sizes = false},
                            [&](const ObjectInfo& object) {
                              keys.push_back(object.key);
                              return true;
                            }));
  return keys;
}

// Reads from the newest on, so that no more names are taken apart than wanted.
template <class Marker>
std::vector<Marker> newest(const std::vector<std::string>& keys, size_t limit, bool trials,
                           std::optional<Marker> (*parse)(std::string_view)) {
  std::vector<Marker> markers;
  if (limit == 0) return markers;
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    if (markers.size() == limit && marker_job(*key) != markers.back().job) break;
    if (!trials && key->find('+') != std::string::npos) continue;  // only trials' names have one
    auto marker = parse(*key);
    if (!marker) continue;  // not one of ours: store check names it
    if (markers.empty() || markers.back().job != marker->job)
      markers.push_back(std::move(*marker));
    else if (markers.back().number < marker->number)
      markers.back() = std::move(*marker);
  }
  std::reverse(markers.begin(), markers.end());
  return markers;
}

}  // namespace

Result<std::vector<std::string>> markers_of(ObjectStore& store, const std::string& prefix,
                                            const std::string& job) {
  const std::string begin = prefix + job + "~";
  std::vector<std::string> keys;
  BATON_TRY(for_each_object(store, prefix, {.after = prefix + job, .limit = 16, .sizes = false},
                            [&](const ObjectInfo& object) {
                              if (!starts_with(object.key, begin)) return false;
                              keys.push_back(object.key);
                              return true;
                            }));
  return keys;
}

Result<Markers> list_markers(ObjectStore& store, size_t limit, bool trials) {
  // active/ first: a job that finishes between the two listings is then in both, never in none.
  BATON_ASSIGN(auto active, all_keys(store, "active/"));
  BATON_ASSIGN(auto finished, all_keys(store, "index/"));
  Markers markers;
  markers.active = newest(active, SIZE_MAX, trials, parse_active_key);
  markers.finished = newest(finished, limit, trials, parse_index_key);
  return markers;
}

}  // namespace baton
