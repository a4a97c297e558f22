// Images for tests of the layers above: no files, no network, answers as told.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "image/image.h"

namespace baton {

// Gives images whose only layer is `root` (or the host's root when it is ""). Thread-safe; set the
// fields before use.
class FakeImages : public Images {
 public:
  explicit FakeImages(std::string root = "") : root_(std::move(root)) {}

  std::optional<Error> fail;          // what ensure() and from_record() answer
  std::vector<std::string> progress;  // details to report on the way
  std::vector<std::string> in_use;    // ids that remove() refuses

  Result<Image> ensure(const ImageSpec& spec, Progress& to) override {
    Json record = {{"form", spec.form == ImageSpec::Form::host ? "host" : "debian"}};
    if (spec.form == ImageSpec::Form::debian) {
      record["suite"] = spec.suite;
      record["packages"] = Json::object();
      for (const auto& name : spec.packages) record["packages"][name] = "1.0-1";
    }
    return give(record, to);
  }
  Result<Image> from_record(const Json& record, Progress& to) override { return give(record, to); }

  Result<std::vector<ImageInfo>> list() override {
    std::lock_guard guard(mutex_);
    std::vector<ImageInfo> out;
    for (const auto& [id, info] : made_) out.push_back(info);
    return out;
  }
  Status remove(const std::string& prefix) override {
    std::lock_guard guard(mutex_);
    auto found = made_.lower_bound(prefix);
    if (prefix.empty() || found == made_.end() ||
        found->first.compare(0, prefix.size(), prefix) != 0)
      return Error{Code::not_found, "there is no image \"" + prefix + "\" here", ""};
    if (std::find(in_use.begin(), in_use.end(), found->first) != in_use.end())
      return Error{Code::invalid, "image " + found->first + " is in use by a running container",
                   ""};
    made_.erase(found);
    return {};
  }
  Result<std::vector<std::string>> remove_unused(const std::vector<std::string>& keep) override {
    std::lock_guard guard(mutex_);
    std::vector<std::string> removed;
    auto spared = [](const std::vector<std::string>& ids, const std::string& id) {
      return std::find(ids.begin(), ids.end(), id) != ids.end();
    };
    std::erase_if(made_, [&](const auto& entry) {
      if (spared(keep, entry.first) || spared(in_use, entry.first)) return false;
      removed.push_back(entry.first);
      return true;
    });
    return removed;
  }

 private:
  Result<Image> give(const Json& record, Progress& to) {
    std::lock_guard guard(mutex_);
    for (const auto& line : progress) to.detail(line);
    if (fail) return *fail;
    bool host = root_.empty() || get_string(record, "form") == "host";
    std::string id = sha256_hex(nlohmann::json(record).dump());
    if (!host) made_[id] = ImageInfo{id, record, 1 << 20, 1'700'000'000'000, 1'700'000'000'000};
    return Image{id, record, host ? std::vector<std::string>() : std::vector<std::string>{root_},
                 host};
  }

  std::string root_;
  std::mutex mutex_;
  std::map<std::string, ImageInfo> made_;
};

}  // namespace baton
