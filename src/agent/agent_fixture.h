// What the agent's tests share: a fake engine, real directories, a store in memory, programs that
// are functions.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <condition_variable>
#include <mutex>

#include "agent/agent.h"
#include "base/ids.h"
#include "engine/fake_engine.h"
#include "image/fake_images.h"
#include "os/files.h"
#include "store/fault_store.h"

namespace baton {

class Listener : public AgentView {
 public:
  void output(bool, std::string_view bytes) override { said.append(bytes); }
  void tell(const std::string& line) override { lines.push_back(line); }
  Progress& progress() override { return progress_; }
  bool told(const std::string& part) const {
    for (const auto& line : lines)
      if (line.find(part) != std::string::npos) return true;
    return false;
  }
  std::string said;
  std::vector<std::string> lines;

 private:
  NullProgress progress_;
};

// A source that reports what it is told when it starts.
class Announce : public NoticeSource {
 public:
  Announce(std::vector<Notice> notices, std::vector<std::string>& acknowledged)
      : notices_(std::move(notices)), acknowledged_(acknowledged) {}
  void acknowledge(const Notice& notice) override { acknowledged_.push_back(notice.id); }
  std::string name() const override { return "announce"; }
  bool start(NoticeSink sink) override {
    for (const auto& notice : notices_) sink(notice);
    return true;
  }

 private:
  std::vector<Notice> notices_;
  std::vector<std::string>& acknowledged_;
};

// What the test says while the program runs, once the source that reports it has started.
class Teller {
 public:
  void operator()(const Notice& notice) {
    std::unique_lock lock(mutex_);
    started_.wait(lock, [this] { return sink_ != nullptr; });
    sink_(notice);
  }
  void start(NoticeSink sink) {
    std::lock_guard lock(mutex_);
    sink_ = std::move(sink);
    started_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable started_;
  NoticeSink sink_;
};

class Later : public NoticeSource {
 public:
  explicit Later(Teller& teller) : teller_(teller) {}
  void acknowledge(const Notice&) override {}
  std::string name() const override { return "later"; }
  bool start(NoticeSink sink) override {
    teller_.start(std::move(sink));
    return true;
  }

 private:
  Teller& teller_;
};

class Agent : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(dir_.ok());
    use(make_mem_store());
  }
  void use(std::unique_ptr<ObjectStore> store) {
    store_ = std::move(store);
    ASSERT_TRUE(check_store_format(*store_, true).ok());
    ledger_ = std::make_unique<Ledger>(*store_, clock_);
  }
  AgentParts parts() {
    AgentTimes times;
    times.beat = 50;
    times.beat_ttl = 300;
    times.requests = 10;
    times.flush = 20;
    times.quiet = 50;
    return AgentParts{*ledger_,
                      clock_,
                      engine_,
                      images_,
                      log_,
                      view_,
                      dir_->path() + "/home",
                      "/proc/self/exe",
                      times,
                      [this](const std::string&) {
                        std::vector<std::unique_ptr<NoticeSource>> sources;
                        sources.push_back(std::make_unique<Announce>(notices_, acknowledged_));
                        return sources;
                      },
                      [](const std::string&) { return std::nullopt; },
                      {{"baton/__init__.py", "# helper\n"}},
                      -1};
  }
  std::string submit(const std::function<void(Spec&)>& change = [](Spec&) {}) {
    Job job;
    job.id = new_job_id(clock_.wall_ms());
    job.nonce = new_nonce();
    job.created_ms = clock_.wall_ms();
    job.spec.name = "test";
    job.spec.results = dir_->path() + "/results";
    job.spec.grace_ms = 1'000;
    job.spec.checkpoint_every_ms = 50;
    job.spec.command_list = {"program"};
    job.argv = {"program"};
    job.image = {{"form", "host"}};
    change(job.spec);
    Status added = ledger_->add_job(job);
    EXPECT_TRUE(added.ok()) << added.error().text();
    EXPECT_TRUE(ledger_->add_created(job, "").ok());
    return job.id;
  }
  // For AgentParts::make_notices: `tell` is what the program's notices come by.
  static std::function<std::vector<std::unique_ptr<NoticeSource>>(const std::string&)> told_by(
      Teller& tell) {
    return [&tell](const std::string&) {
      std::vector<std::unique_ptr<NoticeSource>> sources;
      sources.push_back(std::make_unique<Later>(tell));
      return sources;
    };
  }
  // As a command beside the agent does, on a store of its own choice.
  static void request(ObjectStore& store, Clock& clock, const std::string& job, EventType type) {
    auto history = Ledger(store, clock).open(job);
    Event request;
    request.type = type;
    EXPECT_TRUE(history.ok() && history->refresh().ok());
    EXPECT_TRUE(
        history->append(request, clock.wall_ms(), [](const Summary&) { return Status(); }).ok());
  }
  Summary summary(const std::string& job) {
    auto history = ledger_->open(job);
    EXPECT_TRUE(history.ok() && history->refresh().ok());
    return history->summary();
  }
  // What a program's client does: one line over the socket, one line back.
  static std::string ask(FakeProgram& program, const std::string& line) {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = program.path("/baton/agent.sock");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      return "no connection";
    std::string request = line + "\n";
    if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "not sent";
    char buffer[4096];
    ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "no answer";
  }
  static bool write(FakeProgram& program, const std::string& inside, const std::string& content) {
    return replace_file(program.path(inside), content, false).ok();
  }
  static std::string read(FakeProgram& program, const std::string& inside) {
    auto text = read_file(program.path(inside));
    return text.ok() ? *text : "";
  }

  Result<TempDir> dir_ = TempDir::create("agent");
  SystemClock clock_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<Ledger> ledger_;
  FakeEngine engine_{clock_};
  FakeImages images_;
  NullLog log_;
  Listener view_;
  std::vector<Notice> notices_;
  std::vector<std::string> acknowledged_;
};

inline Notice terminate(const std::string& source, int64_t deadline = -1) {
  Notice notice;
  notice.source = source;
  notice.id = "one";
  notice.reason = "spot interruption";
  notice.deadline_mono_ms = deadline;
  return notice;
}

}  // namespace baton
