// Which objects in a bucket of results are baton's, and writing and removing these alone.
#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "ledger/bucket_delivery.h"
#include "os/crew.h"

namespace baton {

Status BucketDelivery::poll() const {
  if (cancelled_) return Error{Code::cancelled, "the delivery was cancelled", ""};
  return {};
}

// Small ones many at once; large ones one by one, each in many parts: memory stays bounded.
Status BucketDelivery::each_task(const std::function<Status(Task& task)>& work) {
  auto middle = std::stable_partition(tasks_.begin(), tasks_.end(), [&](const Task& task) {
    return task.size() <= transfer_.part_size;
  });
  Status small = run_crew(
      transfer_.parallel, static_cast<size_t>(middle - tasks_.begin()),
      [&](int, size_t index) -> Status {
        BATON_TRY(poll());
        return work(tasks_[index]);
      },
      [this] { return poll(); });
  BATON_TRY(small);
  for (auto task = middle; task != tasks_.end(); ++task) {
    BATON_TRY(poll());
    BATON_TRY(work(*task));
  }
  return {};
}

// The file, as long as it is the commit's; else (it has changed meanwhile) what the commit has.
Status BucketDelivery::with_source(const From& from, const Task& task,
                                   const std::function<Status(const ByteSource& source)>& use) {
  auto watched = [&](ByteSource source) {
    source.view = [this, view = std::move(source.view)](uint64_t offset, uint64_t size,
                                                        char* to) -> Result<std::string_view> {
      BATON_TRY(poll());
      return view(offset, size, to);
    };
    return source;
  };
  if (task.extra) return use(watched(memory_source(task.extra->content)));
  if (!from.directory.empty()) {
    auto local = local_source(from.directory, *task.entry);
    if (local.ok()) {
      std::atomic<bool> changed{false};
      auto told = [&changed, view = std::move(local->view)](uint64_t offset, uint64_t size,
                                                            char* to) {
        auto read = view(offset, size, to);
        if (read.is(Code::transient)) changed = true;
        return read;
      };
      local->view = told;
      Status done = use(watched(std::move(*local)));
      if (!changed) return done;
    }
  }
  return use(watched(commit_source(from.store, from.manifest, *task.entry)));
}

// The checksums of what is to be sent: with them a later attempt knows its own writes.
Status BucketDelivery::measure(const From& from) {
  return each_task([&](Task& task) {
    return with_source(from, task, [&](const ByteSource& source) -> Status {
      BATON_ASSIGN(task.crc, crc_of(source));
      return {};
    });
  });
}

// Objects whose checksum nobody tells are read: baton's own of former versions, or somebody else's.
Result<bool> BucketDelivery::has_content(const std::string& name, const BucketObject& there,
                                         const Content& content) {
  if (!content.version.empty() && there.version == content.version) return true;
  if (there.size != content.size) return false;
  if (there.crc32c) return *there.crc32c == content.crc;
  auto ignore = [](uint64_t, std::string_view) { return Status(); };
  auto read = download(*bucket_, retry_, transfer_, key(name), content.size, ignore);
  if (read.is(Code::not_found) || read.is(Code::invalid)) return false;  // changed meanwhile
  if (!read.ok()) return read.error();
  return read->version == there.version && read->crc32c == content.crc;
}

// On what condition the name may be written or removed; none when it is somebody else's by now.
Result<std::optional<Write>> BucketDelivery::claim(const Task& task) {
  auto known = sent_.find(task.name);
  if (known == sent_.end()) return std::optional(Write::if_absent);
  auto there = retry_([&] { return bucket_->head(key(task.name)); });
  if (there.is(Code::not_found)) return std::optional(Write::if_absent);
  if (!there.ok()) return there.error();
  Sent& sent = known->second;
  std::vector<Content> own{sent.content};
  if (sent.next) own.push_back(*sent.next);
  if (task.entry || task.extra) own.push_back({task.size(), task.crc, ""});
  for (const Content& content : own) {
    BATON_ASSIGN(bool same, has_content(task.name, *there, content));
    if (!same) continue;
    sent.content = {content.size, content.crc, there->version};
    return std::optional(Write::if_version(there->version));
  }
  return std::optional<Write>();
}

Status BucketDelivery::claim_all(std::vector<Task>& tasks) {
  return run_crew(
      transfer_.parallel, tasks.size(),
      [&](int, size_t index) -> Status {
        BATON_ASSIGN(std::optional<Write> write, claim(tasks[index]));
        tasks[index].foreign = !write;
        if (write) tasks[index].write = *write;
        return {};
      },
      [this] { return poll(); });
}

// Leaves alone what is somebody else's.
Status BucketDelivery::settle() {
  BATON_TRY(claim_all(tasks_));
  BATON_TRY(claim_all(gone_));
  for (const Task& task : tasks_)
    if (task.foreign) leave_out(task.name, "was changed by somebody else and is left as it is");
  for (const Task& task : gone_) {
    if (!task.foreign) continue;
    sent_.erase(task.name);
    foreign_.insert(task.name);
  }
  std::erase_if(tasks_, [](const Task& task) { return task.foreign; });
  std::erase_if(gone_, [](const Task& task) { return task.foreign; });
  return {};
}

// What is about to happen, for whoever comes after a crash.
void BucketDelivery::announce() {
  for (const Task& task : tasks_) {
    const Content next{task.size(), task.crc, ""};
    auto [known, fresh] = sent_.try_emplace(task.name);
    known->second.pending = true;
    if (fresh)
      known->second.content = next;
    else
      known->second.next = next;
  }
  for (const Task& task : gone_) sent_[task.name].pending = true;
}

Status BucketDelivery::send(const From& from, const Task& task) {
  Uploaded sent;
  Status done = with_source(from, task, [&](const ByteSource& source) -> Status {
    BATON_ASSIGN(sent, put(task, source));
    return {};
  });
  std::lock_guard lock(mutex_);
  if (done.is(Code::exists)) {
    sent_.erase(task.name);
    foreign_.insert(task.name);
    leave_out(task.name, "was written by somebody else meanwhile and is left as it is");
    return {};
  }
  BATON_TRY(done);
  int64_t mtime = task.entry ? task.entry->mtime_ns : static_cast<int64_t>(sent.crc32c);
  sent_[task.name] = {{task.size(), sent.crc32c, sent.version}, mtime, false, std::nullopt};
  now_.sent += 1;
  now_.sent_bytes += task.size();
  return {};
}

// Code::exists: somebody else's object of that name has come between.
Result<Uploaded> BucketDelivery::put(const Task& task, const ByteSource& source) {
  ByteSource known = source;
  known.crc32c = task.crc;
  auto write = [&](const Write& mode) {
    return upload(*bucket_, retry_, transfer_, key(task.name), known, mode);
  };
  const bool by_version = !task.write.version().empty();
  auto sent = write(by_version && no_versions_ ? Write::replace : task.write);
  if (by_version && sent.is(Code::unsupported)) {
    no_versions_ = true;  // it was compared a moment ago, which has to do
    sent = write(Write::replace);
  }
  if (by_version && sent.is(Code::not_found)) sent = write(Write::if_absent);  // removed meanwhile
  if (!sent.is(Code::exists)) return sent;
  auto there = retry_([&] { return bucket_->head(key(task.name)); });
  // Removed meanwhile: Google and Azure say of a version that is gone that it is another one.
  if (by_version && there.is(Code::not_found)) return write(Write::if_absent);
  // An earlier try whose reply was lost has perhaps written it: then it has these very bytes.
  if (there.ok() && there->size == source.size && there->crc32c == task.crc)
    return Uploaded{task.crc, there->version};
  return sent;
}

Status BucketDelivery::remove_gone() {
  return run_crew(
      transfer_.parallel, gone_.size(),
      [&](int, size_t index) -> Status {
        const Task& task = gone_[index];
        Status removed = task.write == Write::if_absent ? Status() : remove_one(task);
        if (!removed.ok() && !removed.is(Code::exists)) return removed;
        std::lock_guard lock(mutex_);
        sent_.erase(task.name);
        if (!removed.ok()) foreign_.insert(task.name);
        return {};
      },
      [] { return Status(); });
}

// Code::exists: somebody else's object of that name has come between.
Status BucketDelivery::remove_one(const Task& task) {
  auto remove = [&](const std::string& version) {
    return retry_([&] { return bucket_->remove_version(key(task.name), version); });
  };
  Status removed = remove(no_versions_ ? "" : task.write.version());
  if (removed.is(Code::unsupported)) {
    no_versions_ = true;
    removed = remove("");
  }
  if (!removed.is(Code::exists)) return removed;
  auto there = retry_([&] { return bucket_->head(key(task.name)); });
  return there.is(Code::not_found) ? Status() : removed;
}

}  // namespace baton
