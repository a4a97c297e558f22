#include "ledger/check_sweep.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/data_listing.h"
#include "model/sweep.h"

namespace baton {
namespace {

class SweepCheck {
 public:
  SweepCheck(ObjectStore& store, const CheckOptions& options, std::string id,
             std::vector<Finding>& findings, CodeUsers& users)
      : store_(store), options_(options), id_(std::move(id)), findings_(findings), users_(users) {}

  Status run() {
    const size_t before = findings_.size();
    BATON_ASSIGN(bool recorded, read_record());
    const bool told = findings_.size() > before;
    BATON_TRY(list());
    if (told) return {};
    if (!recorded) {
      if (last_ > 0)
        damage(sweep_key(id_), "missing sweep",
               fmt::format("sweep {} has events and no record; put sweep.json back from a copy of "
                           "the store, or take the rest away with baton sweep rm {}",
                           id_, id_));
      return {};
    }
    if (last_ == 0) {
      findings_.push_back({sweep_key(id_), "unfinished submission",
                           fmt::format("sweep {} was being submitted; unless that is still going "
                                       "on, submit it again",
                                       id_),
                           true});
      return {};
    }
    return read_events();
  }

 private:
  void damage(const std::string& key, const std::string& kind, const std::string& meaning) {
    findings_.push_back({key, kind, meaning, false});
  }

  Result<bool> read_record() {
    auto bytes = store_.get(sweep_key(id_), kMaxSweepBytes);
    if (bytes.is(Code::not_found)) return false;
    if (!bytes.ok() && !bytes.is(Code::invalid)) return bytes.error();
    if (bytes.ok()) options_.read(bytes->size());
    auto sweep = decode_sweep(bytes.ok() ? *bytes : "", "sweep.json");
    if (sweep.ok() && sweep->base.id == id_) {
      sweep_ = std::move(*sweep);
      return true;
    }
    damage(
        sweep_key(id_), sweep.is(Code::too_new) ? "newer format" : "damaged sweep",
        fmt::format("sweep {} cannot be shown or resumed ({}); its trials are jobs of their own "
                    "and not concerned",
                    id_, sweep.ok() ? "it is the record of another sweep" : sweep.error().message));
    return false;
  }

  Status list() {
    const std::string prefix = "sweeps/" + id_ + "/";
    return for_each_object(store_, prefix, {.limit = 10'000, .sizes = false},
                           [&](const ObjectInfo& object) {
                             look_at(object.key, object.key.substr(prefix.size()));
                             return true;
                           });
  }

  void look_at(const std::string& key, const std::string& name) {
    if (starts_with(name, "events/")) {
      if (auto number = event_number(key)) last_ = std::max(last_, *number);
      return;
    }
    bool known = name == "sweep.json" || name == "summary.json" || name == "tuner.json" ||
                 starts_with(name, "beats/") || starts_with(name, "data/");
    if (!known)
      findings_.push_back(
          {key, kUnknownObject, "baton writes nothing of this name and never reads it", true});
  }

  Status read_events() {
    SweepState state = initial_state(sweep_.spec());
    for (uint64_t number = 1; number <= last_; ++number) {
      const std::string key = sweep_event_key(id_, number);
      auto bytes = store_.get(key, kMaxSweepEventBytes);
      if (!bytes.ok() && !bytes.is(Code::not_found) && !bytes.is(Code::invalid))
        return bytes.error();
      if (bytes.ok()) options_.read(bytes->size());
      auto event = decode_sweep_event(bytes.ok() ? *bytes : "", "the event");
      Status good = event.ok() ? may_follow(state, *event) : Status(event.error());
      if (good.ok()) {
        apply(state, *event, sweep_.spec());
        continue;
      }
      damage(key, bytes.ok() ? "damaged event" : "gap in events",
             fmt::format("sweep {} cannot be read beyond event {} ({}); put it back from a copy of "
                         "the store; its trials are jobs of their own and not concerned",
                         id_, number - 1, bytes.ok() ? good.error().message : "it is missing"));
      return {};
    }
    BATON_TRY(check_listings(store_, sweep_.base, "sweep " + id_, options_, findings_));
    if (!state.code_object.empty())
      users_[state.code_object].push_back({id_, sweep_.base.code_tree, state.ended});
    return {};
  }

  ObjectStore& store_;
  const CheckOptions& options_;
  const std::string id_;
  std::vector<Finding>& findings_;
  CodeUsers& users_;
  Sweep sweep_;
  uint64_t last_ = 0;
};

}  // namespace

Status check_sweeps(ObjectStore& store, const CheckOptions& options, std::vector<Finding>& findings,
                    CodeUsers& users) {
  std::vector<std::string> ids;
  BATON_TRY(for_each_object(
      store, "sweeps/", {.limit = 10'000, .directories = true}, [&](const ObjectInfo& entry) {
        std::string id = split(entry.key, '/')[1];
        if (is_job_id(id) && ends_with(entry.key, "/"))
          ids.push_back(id);
        else
          findings.push_back({entry.key, kUnknownObject,
                              "its name is none of a sweep, and it is never read", true});
        return true;
      }));
  for (const auto& id : ids) BATON_TRY(SweepCheck(store, options, id, findings, users).run());
  return {};
}

}  // namespace baton
