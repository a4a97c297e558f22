#include "agent/commit_speed.h"

#include "base/hash.h"
#include "base/json.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxFile = 64 << 10;

std::string path_of(const std::string& home, const std::string& store) {
  return home + "/buckets/commits-" + sha256_hex(store).substr(0, 32) + ".json";
}

}  // namespace

void recall_commit_speed(const std::string& home, const std::string& store, CommitClock& clock) {
  auto text = read_file(path_of(home, store), kMaxFile);
  if (!text.ok()) return;
  auto json = parse_json(*text, "the speed of commits");
  if (!json.ok() || !json->is_array()) return;
  for (const Json& sample : *json) {
    int64_t bytes = get_int(sample, "bytes"), fresh = get_int(sample, "new_bytes");
    if (bytes >= 0 && fresh >= 0)
      clock.record(static_cast<uint64_t>(bytes), static_cast<uint64_t>(fresh),
                   get_int(sample, "ms"));
  }
}

void remember_commit_speed(const std::string& home, const std::string& store,
                           const CommitClock& clock) {
  Json json = Json::array();
  for (const auto& sample : clock.samples())
    json.push_back({{"bytes", sample.bytes}, {"new_bytes", sample.new_bytes}, {"ms", sample.ms}});
  const std::string path = path_of(home, store);
  if (!make_dirs(parent_path(path), 0700).ok()) return;
  Status ignored = replace_file(path, dump_json(json) + "\n", false);
  (void)ignored;
}

}  // namespace baton
