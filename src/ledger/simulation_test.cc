// A model check of docs/store-format.md: agents that claim, take each other's job over at will,
// commit, clean up and die anywhere, beside a garbage collector, a user who stops and resumes, and
// listings; on a store that loses replies. Who takes over when is left to chance, for safety must
// not depend on timeouts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "ledger/interleave.h"
#include "ledger/keys.h"
#include "ledger/ledger_test_support.h"

namespace baton {
namespace {

constexpr const char* kId = "261122-013422-k3f9q2";
constexpr int kSlots = 3;  // pieces of the made-up checkpoint; a step changes one
constexpr int kSteps = 6;  // steps of the made-up program, one commit each
constexpr size_t kKeep = 2;

struct Killed {};

// The made-up checkpoint: what each slot holds, and the blob that has it.
struct Checkpoint {
  int step = 0;
  std::map<int, std::string> blobs;  // slot → key

  std::string encode() const {
    Json json;
    json["step"] = step;
    for (const auto& [slot, key] : blobs) json["blobs"][std::to_string(slot)] = key;
    return dump_json(json);
  }
  static Checkpoint decode(const std::string& bytes) {
    Json json = parse_json(bytes, "manifest").value();
    Checkpoint checkpoint;
    checkpoint.step = static_cast<int>(get_int(json, "step"));
    for (const auto& [slot, key] : json["blobs"].items())
      checkpoint.blobs[std::stoi(slot)] = key.get<std::string>();
    return checkpoint;
  }
};

std::string content(int slot, int step) { return fmt::format("slot {} of step {}", slot, step); }
std::string manifest_of(const Event& committed) {
  return fmt::format("jobs/{}/commits/{}.json", kId, committed.commit);
}

std::vector<Event> kept(const Summary& summary) {
  auto begin =
      summary.commits.size() > kKeep ? summary.commits.end() - kKeep : summary.commits.begin();
  return {begin, summary.commits.end()};
}

// One attempt after another, until the job has succeeded. Any call may throw Killed.
class SimulatedAgent {
 public:
  SimulatedAgent(ObjectStore& store, std::mt19937_64& random, std::string name)
      : store_(store), random_(random), ledger_(store, clock_), name_(std::move(name)) {}

  // False once there is nothing left to do.
  bool live() {
    auto history = ledger_.open(kId);
    if (!history.ok()) return true;
    if (is_final(history->summary().state))
      return !(ledger_.settle(*history).ok() && history->summary().state == State::succeeded);
    if (history->summary().state == State::running && random_() % 3 != 0) return true;
    auto checkpoint = restore(*history);
    if (!checkpoint.ok()) return true;
    auto claimed = claim(*history, agent(name_), 1, static_cast<uint64_t>(checkpoint->step), true);
    if (!claimed.ok()) return true;
    attempt_ = claimed->attempt;
    Status ended = run(*history, *checkpoint);
    if (ended.ok() && is_final(history->summary().state)) (void)ledger_.settle(*history).ok();
    return true;
  }

 private:
  Result<Checkpoint> restore(const History& history) {
    if (history.summary().commits.empty()) return Checkpoint();
    BATON_ASSIGN(std::string bytes,
                 store_.get(manifest_of(history.summary().commits.back()), 1 << 20));
    Checkpoint checkpoint = Checkpoint::decode(bytes);
    for (const auto& [slot, key] : checkpoint.blobs) BATON_TRY(store_.get(key, 1 << 20));
    return checkpoint;
  }

  Status run(History& history, Checkpoint checkpoint) {
    BATON_TRY(append(history, event_of(EventType::started, attempt_)));
    while (checkpoint.step < kSteps) {
      if (history.summary().stop_requested) return end(history, Outcome::stopped);
      if (random_() % 12 == 0) return end(history, Outcome::preempted);
      BATON_ASSIGN(checkpoint, commit(history, checkpoint));
      if (random_() % 2 == 0) collect(history);
    }
    return end(history, Outcome::succeeded);
  }

  Status end(History& history, Outcome outcome) {
    return append(history, event_of(EventType::ended, attempt_, outcome));
  }

  // Tries until the outcome is known.
  Status append(History& history, const Event& event) {
    while (true) {
      auto appended = history.append(event, 1, [&](const Summary& now) {
        bool ours = now.attempt == attempt_ && now.state == State::running;
        return ours ? Status() : Status(Error{Code::fenced, "overtaken", ""});
      });
      if (appended.ok()) return {};
      if (!appended.is(Code::transient)) return appended.error();
    }
  }

  Result<Checkpoint> commit(History& history, Checkpoint checkpoint) {
    BATON_ASSIGN(std::set<std::string> usable, mentioned(history));
    ++checkpoint.step;
    checkpoint.blobs[checkpoint.step % kSlots] = "";
    for (auto& [slot, key] : checkpoint.blobs) {
      if (!key.empty() && usable.contains(key)) continue;
      int written = checkpoint.step - (checkpoint.step - slot) % kSlots;
      key = fmt::format("jobs/{}/blobs/{}/{}", kId, attempt_, sha256_hex(content(slot, written)));
      BATON_TRY(create(key, content(slot, written)));
    }
    uint64_t seq = history.summary().commits.empty()
                       ? 1
                       : parse_commit_name(history.summary().commits.back().commit)->seq + 1;
    Event committed = event_of(EventType::committed, attempt_);
    std::string bytes = checkpoint.encode();
    committed.commit = fmt::format("{:08}-{}", seq, attempt_);
    committed.commit_hash = sha256_hex(bytes);
    BATON_TRY(create(manifest_of(committed), bytes));
    BATON_TRY(append(history, committed));
    return checkpoint;
  }

  Status create(const std::string& key, const std::string& bytes) {
    while (true) {
      Status status = store_.create(key, bytes);
      if (status.ok() || status.is(Code::exists)) return {};
      if (!status.is(Code::transient)) return status;
    }
  }

  // Blobs of the kept commits.
  Result<std::set<std::string>> mentioned(const History& history) {
    std::set<std::string> keys;
    for (const Event& commit : kept(history.summary())) {
      BATON_ASSIGN(std::string bytes, store_.get(manifest_of(commit), 1 << 20));
      for (const auto& [slot, key] : Checkpoint::decode(bytes).blobs) keys.insert(key);
    }
    return keys;
  }

 public:
  // The garbage collector's way: from outside, with what the history says now, which may be old
  // when it deletes.
  void collect_from_outside() {
    auto history = ledger_.open(kId);
    if (!history.ok()) return;
    const Summary& summary = history->summary();
    attempt_ = summary.state == State::running ? summary.attempt - 1 : summary.attempt;
    collect(*history);
  }

 private:
  // Removes what no kept commit mentions, of attempts up to attempt_.
  void collect(const History& history) {
    auto stay = mentioned(history);
    if (!stay.ok() || history.unsettled()) return;
    for (const Event& commit : kept(history.summary())) stay->insert(manifest_of(commit));
    for (const char* folder : {"blobs/", "commits/"}) {
      std::vector<std::string> keys;
      (void)for_each_object(store_, job_prefix(kId) + folder, {}, [&](const ObjectInfo& object) {
        keys.push_back(object.key);
        return true;
      }).ok();
      for (const std::string& key : keys)
        if (attempt_of(key) <= attempt_ && !stay->contains(key)) (void)store_.remove(key).ok();
    }
  }

  static int attempt_of(const std::string& key) {
    auto parts = split(key, '/');
    if (parts[2] == "blobs") return std::stoi(parts[3]);
    return parse_commit_name(parts[3].substr(0, parts[3].size() - 5))->attempt;
  }

  ObjectStore& store_;
  std::mt19937_64& random_;
  ManualClock clock_;
  Ledger ledger_;
  std::string name_;
  int attempt_ = 0;
};

// Stops the job now and then; resumes it always.
bool meddle(ObjectStore& store, std::mt19937_64& random, int& stops_left) {
  ManualClock clock;
  Ledger ledger(store, clock);
  auto history = ledger.open(kId);
  if (!history.ok()) return true;
  const State state = history->summary().state;
  if (state == State::succeeded) return false;
  if (is_final(state)) {
    if (random() % 2 == 0) (void)ledger.settle(*history).ok();
    if (ledger.activate(*history).ok())
      (void)history->append(event_of(EventType::resumed), 1, refuse).ok();
  } else if (stops_left > 0 && random() % 20 == 0) {
    --stops_left;
    (void)history->append(event_of(EventType::stop_requested), 1, anything).ok();
  }
  return true;
}

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed), random_(seed), interleaver_(*store_, seed) {
    ManualClock clock;
    Ledger ledger(*store_, clock);
    Job job = make_job(kId);
    EXPECT_TRUE(ledger.add_job(job).ok());
    EXPECT_TRUE(ledger.add_created(job, "").ok());
    truth_.emplace(*store_, job);
  }

  void run() {
    for (const char* name : {"a", "b", "c"})
      add_actor(20, [this, name](ObjectStore& store) {
        return SimulatedAgent(store, random_, name).live();
      });
    add_actor(30, [this](ObjectStore& store) { return meddle(store, random_, stops_left_); });
    add_actor(40, [this](ObjectStore& store) {
      SimulatedAgent(store, random_, "collector").collect_from_outside();
      return !succeeded();
    });
    add_actor(60, [this](ObjectStore& store) {
      ManualClock clock;
      auto lines = Ledger(store, clock).list(10);
      EXPECT_TRUE(!lines.ok() || lines->size() == 1) << "seed " << seed_;
      return !succeeded();
    });
    interleaver_.run(
        [this](const std::string& operation, const std::string& key) { check(operation, key); });
    check_end();
  }

  size_t kills() const { return kills_; }
  size_t operations() const { return operations_; }
  int attempts() const { return truth_->summary().attempt; }

 private:
  // `life` is led again after every end and death, until it returns false; before each, others
  // do about `patience` operations.
  void add_actor(uint64_t patience, std::function<bool(ObjectStore&)> life) {
    uint64_t actor = ++actors_;
    interleaver_.add([this, actor, patience, life = std::move(life)](ActorStore& handle) {
      for (uint64_t lives = 0; lives < 100'000; ++lives) {
        auto plan = parse_fault_plan(fmt::format("seed={},kill=0.06,lost=0.06,error=0.06",
                                                 seed_ * 1'000'003 + actor * 100'003 + lives));
        auto deadly = faulty(handle, plan.value(), [this] {
          ++kills_;
          throw Killed();
        });
        handle.rest(random_() % (2 * patience));
        try {
          if (!life(*deadly)) return;
        } catch (const Killed&) {
        }
      }
      ADD_FAILURE() << "seed " << seed_ << " does not end";
    });
  }

  bool succeeded() const { return truth_->summary().state == State::succeeded; }

  // While nobody runs, after every operation: what must hold at all times.
  void check(const std::string& operation, const std::string& key) {
    ++operations_;
    if (operation == "create" && starts_with(key, events_prefix(kId))) {
      ASSERT_TRUE(truth_->refresh().ok()) << "seed " << seed_;
    }
    if (operation == "create" || operation == "remove") {
      check_marker(key);
      check_kept_commits(key);
    }
  }

  void check_marker(const std::string& key) {
    if (!starts_with(key, "active/") && !starts_with(key, events_prefix(kId))) return;
    EXPECT_TRUE(is_final(truth_->summary().state) || !keys_of(*store_, "active/").empty())
        << "seed " << seed_ << " after " << key;
  }

  void check_kept_commits(const std::string& key) {
    if (!starts_with(key, job_prefix(kId))) return;
    for (const Event& commit : kept(truth_->summary())) {
      auto bytes = store_->get(manifest_of(commit), 1 << 20);
      ASSERT_TRUE(bytes.ok()) << "seed " << seed_ << ": manifest " << commit.commit
                              << " gone after " << key;
      ASSERT_EQ(sha256_hex(*bytes), commit.commit_hash) << "seed " << seed_;
      for (const auto& [slot, blob] : Checkpoint::decode(*bytes).blobs)
        ASSERT_TRUE(store_->head(blob).ok())
            << "seed " << seed_ << ": " << blob << " of " << commit.commit << " gone after " << key;
    }
  }

  void check_end() {
    ManualClock clock;
    EXPECT_TRUE(Ledger(*store_, clock).list(10).ok());
    EXPECT_EQ(Ledger(*store_, clock).list(10).value()[0].state, State::succeeded);
    // Every commit goes on from the one before: nothing was lost, and no two owners committed side
    // by side.
    int step = 0;
    for (const Event& event : truth_->events()) {
      EXPECT_TRUE(event.type != EventType::claimed ||
                  event.metrics_from == static_cast<uint64_t>(step))
          << "seed " << seed_;
      if (event.type == EventType::committed) ++step;
    }
    EXPECT_EQ(step, kSteps) << "seed " << seed_;
    auto last = Checkpoint::decode(
        store_->get(manifest_of(truth_->summary().commits.back()), 1 << 20).value());
    EXPECT_EQ(last.step, kSteps) << "seed " << seed_;
    for (const auto& [slot, key] : last.blobs)
      EXPECT_EQ(store_->get(key, 1000).value(), content(slot, kSteps - (kSteps - slot) % kSlots))
          << "seed " << seed_;
  }

  const uint64_t seed_;
  std::mt19937_64 random_;  // of the actors, who use it one at a time
  std::unique_ptr<ObjectStore> store_ = make_mem_store();
  Interleaver interleaver_;
  std::optional<History> truth_;
  int stops_left_ = 2;
  size_t kills_ = 0, operations_ = 0;
  uint64_t actors_ = 0;
};

// $BATON_SEED replays a single one.
TEST(Simulation, InvariantsHoldWhateverDiesWhenever) {
  const char* only = std::getenv("BATON_SEED");
  const uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1, last = only ? first : 320;
  size_t kills = 0, operations = 0;
  int attempts = 0;
  for (uint64_t seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    Simulation simulation(seed);
    simulation.run();
    kills += simulation.kills();
    attempts += simulation.attempts();
    operations += simulation.operations();
  }
  RecordProperty("operations", static_cast<int>(operations));
  RecordProperty("kills", static_cast<int>(kills));
  RecordProperty("attempts", attempts);
  if (only) return;
  // The schedule is worth something only if it is rough.
  EXPECT_GT(kills, 1000u);
  EXPECT_GT(attempts, 1000);
}

}  // namespace
}  // namespace baton
