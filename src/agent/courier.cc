#include "agent/courier.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/text.h"
#include "os/files.h"
#include "os/threads.h"

namespace baton {

Courier::Courier(std::shared_ptr<Bucket> bucket, AgentParts& parts, const std::string& job,
                 std::string directory)
    : parts_(parts),
      directory_(std::move(directory)),
      delivery_(std::move(bucket), parts.clock, job) {}

Courier::~Courier() {
  stand_back();
  wait_for_thread();
}

void Courier::wait_for_thread() {
  if (thread_.joinable()) thread_.join();
}

void Courier::post(const Manifest& commit) {
  last_ = commit;
  if (standing_back_) return;
  std::lock_guard lock(mutex_);
  next_ = commit;
  if (working_) return;
  working_ = true;
  wait_for_thread();  // of the time before: it is at its end
  if (start_thread(thread_, [this] { work(); })) return;
  working_ = false;
  next_.reset();
  tell_late(errno_error(EAGAIN, "start a thread"));
}

void Courier::work() {
  while (true) {
    std::optional<Manifest> commit;
    {
      std::lock_guard lock(mutex_);
      commit.swap(next_);
      if (!commit) {
        working_ = false;
        return;
      }
    }
    auto delivered = delivery_.deliver(parts_.ledger.store(), *commit, directory_, {});
    if (delivered.ok())
      tell(*delivered);
    else if (!delivered.is(Code::cancelled))
      tell_late(delivered.error());
  }
}

void Courier::tell_late(const Error& error) {
  if (said_.insert(error.message).second)
    parts_.view.insist("results are not delivered yet, and tried again with the next commit: " +
                       error.text());
}

void Courier::tell(const Delivery& delivery) {
  for (const auto& line : delivery.left_out)
    if (said_.insert(line).second) parts_.view.insist("results: " + line);
  if (delivery.sent > 0)
    parts_.view.tell(fmt::format("delivered {} files ({}) to {}", delivery.sent,
                                 human_size(delivery.sent_bytes), delivery_.place()));
}

void Courier::stand_back() {
  standing_back_ = true;
  {
    std::lock_guard lock(mutex_);
    next_.reset();
  }
  delivery_.cancel(true);
}

void Courier::carry_on() {
  standing_back_ = false;
  delivery_.cancel(false);
  if (last_) post(Manifest(*last_));
}

Status Courier::deliver_last(const std::vector<ExtraFile>& extras,
                             const std::optional<Json>& facts) {
  {
    std::lock_guard lock(mutex_);
    next_.reset();  // it is the one that is delivered now
  }
  wait_for_thread();
  delivery_.cancel(false);
  Manifest nothing;  // a job without a commit has no results, but its end is marked all the same
  const Manifest& commit = last_ ? *last_ : nothing;
  ObjectStore& store = parts_.ledger.store();
  auto delivered = facts ? delivery_.complete(store, commit, directory_, extras, *facts)
                         : delivery_.deliver(store, commit, directory_, extras);
  if (!delivered.ok()) return delivered.error();
  tell(*delivered);
  return {};
}

}  // namespace baton
