#include "store/fault_store.h"

#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "base/hash.h"
#include "base/ids.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

void kill_self() {
  raise(SIGKILL);
  std::abort();  // not reached
}

class FaultStore : public ObjectStore {
 public:
  FaultStore(std::unique_ptr<ObjectStore> inner, FaultPlan plan, std::function<void()> die)
      : inner_(std::move(inner)), plan_(std::move(plan)), die_(std::move(die)) {}

  Status create(const std::string& key, std::string_view bytes) override {
    return perform("create", key, bytes, [&] { return inner_->create(key, bytes); });
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return perform("put", key, bytes, [&] { return inner_->put(key, bytes); });
  }
  Result<std::string> get(const std::string& key, uint64_t limit) override {
    return perform("get", key, {}, [&] { return inner_->get(key, limit); });
  }
  Result<std::string> get_range(const std::string& key, uint64_t offset, uint64_t size) override {
    return perform("get_range", key, {}, [&] { return inner_->get_range(key, offset, size); });
  }
  Result<ObjectInfo> head(const std::string& key) override {
    return perform("head", key, {}, [&] { return inner_->head(key); });
  }
  Status remove(const std::string& key) override {
    return perform("remove", key, {}, [&] { return inner_->remove(key); });
  }
  Result<ListPage> list(const std::string& prefix, const ListOptions& options) override {
    return perform("list", prefix, {}, [&] { return inner_->list(prefix, options); });
  }
  void defer_sync(bool on) override { inner_->defer_sync(on); }
  Status flush() override {
    return perform("flush", "", {}, [&] { return inner_->flush(); });
  }
  int concurrency() const override { return inner_->concurrency(); }
  std::string name() const override { return inner_->name(); }

 private:
  template <class Call>
  auto perform(const char* operation, const std::string& key, std::string_view bytes, Call call)
      -> decltype(call()) {
    const Fault fault = next_fault(operation, key);
    if (fault == Fault::torn) leave_torn_file(bytes);
    if (fault == Fault::kill_before || fault == Fault::torn) die_();
    if (fault == Fault::error_before)
      return made_up(Code::transient, operation, key, "nothing happened");
    if (fault == Fault::no_space)
      return made_up(Code::no_space, operation, key, "the disk is full");
    auto result = call();
    if (fault == Fault::kill_after) die_();
    if (fault == Fault::lost_reply)
      return made_up(Code::transient, operation, key, "the reply was lost");
    return result;
  }

  Fault next_fault(const char* operation, const std::string& key) {
    std::lock_guard lock(mutex_);
    return plan_(number_++, operation, key);
  }

  static Error made_up(Code code, const char* operation, const std::string& key, const char* why) {
    return {code, std::string("made-up fault in ") + operation + " " + key + ": " + why, ""};
  }

  // What a crash in the midst of a write leaves in a directory store; a bucket shows nothing of it.
  void leave_torn_file(std::string_view bytes) {
    if (!is_directory(inner_->name())) return;
    std::string tmp = join_path(inner_->name(), "tmp");
    if (!make_dirs(tmp).ok()) return;
    Status ignored = replace_file(join_path(tmp, new_nonce()), bytes.substr(0, bytes.size() / 2),
                                  /*durable=*/false);
    (void)ignored;  // the process is about to die
  }

  std::unique_ptr<ObjectStore> inner_;
  FaultPlan plan_;
  std::function<void()> die_;
  std::mutex mutex_;
  uint64_t number_ = 0;
};

std::optional<Fault> fault_of(std::string_view name) {
  if (name == "kill_before") return Fault::kill_before;
  if (name == "kill_after") return Fault::kill_after;
  if (name == "lost_reply") return Fault::lost_reply;
  if (name == "error_before") return Fault::error_before;
  if (name == "no_space") return Fault::no_space;
  if (name == "torn") return Fault::torn;
  return std::nullopt;
}

Error bad_plan(const std::string& item) {
  return {Code::invalid, "\"" + printable(item) + "\" is not part of a fault plan",
          "write seed=N,kill=P,lost=P,error=P,space=P,torn=P with probabilities P, or at=N:FAULT"};
}

struct Chances {
  uint64_t seed = 0;
  double kill = 0, lost = 0, error = 0, space = 0, torn = 0;

  Fault draw(uint64_t number) const {
    std::string text = std::to_string(seed) + ":" + std::to_string(number);
    Fingerprint bits = fingerprint(text, seed);
    double x = static_cast<double>(bits[0] >> 11) * 0x1p-53;
    if ((x -= kill) < 0) return bits[1] & 1 ? Fault::kill_before : Fault::kill_after;
    if ((x -= lost) < 0) return Fault::lost_reply;
    if ((x -= error) < 0) return Fault::error_before;
    if ((x -= space) < 0) return Fault::no_space;
    if ((x -= torn) < 0) return Fault::torn;
    return Fault::none;
  }
};

bool writes(std::string_view operation) {
  return operation == "create" || operation == "put" || operation == "remove";
}

std::optional<uint64_t> to_number(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return {};
  return std::stoull(text);
}

bool set_chance(Chances& chances, const std::string& name, const std::string& value) {
  if (name == "seed") {
    auto seed = to_number(value);
    if (seed) chances.seed = *seed;
    return seed.has_value();
  }
  double* chance = name == "kill"    ? &chances.kill
                   : name == "lost"  ? &chances.lost
                   : name == "error" ? &chances.error
                   : name == "space" ? &chances.space
                   : name == "torn"  ? &chances.torn
                                     : nullptr;
  char* end = nullptr;
  if (chance) *chance = std::strtod(value.c_str(), &end);
  return chance && !value.empty() && *end == '\0' && *chance >= 0 && *chance <= 1;
}

}  // namespace

std::unique_ptr<ObjectStore> make_fault_store(std::unique_ptr<ObjectStore> inner, FaultPlan plan,
                                              std::function<void()> die) {
  if (!plan) return inner;
  return std::make_unique<FaultStore>(std::move(inner), std::move(plan),
                                      die ? std::move(die) : kill_self);
}

Result<FaultPlan> parse_fault_plan(const std::string& text) {
  if (text.empty()) return FaultPlan();
  if (starts_with(text, "at=")) {
    auto parts = split(std::string_view(text).substr(3), ':');
    auto at = to_number(parts[0]);
    auto fault = parts.size() == 2 ? fault_of(parts[1]) : std::nullopt;
    if (!at || !fault) return bad_plan(text);
    return FaultPlan([at = *at, fault = *fault](uint64_t number, const char*, const std::string&) {
      return number == at ? fault : Fault::none;
    });
  }
  Chances chances;
  for (const std::string& item : split(text, ',')) {
    size_t equals = item.find('=');
    if (equals == std::string::npos ||
        !set_chance(chances, item.substr(0, equals), item.substr(equals + 1)))
      return bad_plan(item);
  }
  return FaultPlan([chances](uint64_t number, const char* operation, const std::string&) {
    return writes(operation) ? chances.draw(number) : Fault::none;
  });
}

}  // namespace baton
