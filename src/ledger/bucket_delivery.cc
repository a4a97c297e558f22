#include "ledger/bucket_delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/text.h"
#include "os/crew.h"

namespace baton {
namespace {

constexpr char kOwn[] = "_baton";  // what is below it is baton's own
constexpr char kRecord[] = "_baton/delivered.json";
constexpr size_t kMaxKey = 700;  // leaves room for the prefix below the services' 1024
constexpr uint64_t kMaxRecord = 256 << 20;

TransferOptions transfer_options() {
  TransferOptions options;
  options.parallel = 8;
  return options;
}

const Tree* results_of(const Manifest& manifest) {
  for (const Tree& tree : manifest.trees)
    if (tree.root == "results") return &tree;
  return nullptr;
}

}  // namespace

std::string complete_key(const std::string& job) { return job + "/_baton/complete.json"; }

BucketDelivery::BucketDelivery(std::shared_ptr<Bucket> bucket, Clock& clock, std::string job)
    : bucket_(std::move(bucket)),
      job_(std::move(job)),
      transfer_(transfer_options()),
      retry_(*bucket_, clock, transfer_) {}

Result<bool> BucketDelivery::is_complete() {
  auto there = retry_([&] { return bucket_->head(complete_key(job_)); });
  if (there.is(Code::not_found)) return false;
  if (!there.ok()) return there.error();
  return true;
}

// What an earlier attempt, or nobody, or somebody else has put there.
Status BucketDelivery::load() {
  if (loaded_) return {};
  BATON_TRY(read_record());
  BATON_TRY(each_listed([&](const ObjectInfo& object) {
    std::string name = object.key.substr(job_.size() + 1);
    if (starts_with(name, std::string(kOwn) + "/"))
      marked_ = marked_ || object.key == complete_key(job_);
    else if (!sent_.contains(name))
      foreign_.insert(name);
  }));
  loaded_ = true;
  return {};
}

Status BucketDelivery::each_listed(const std::function<void(const ObjectInfo& object)>& use) {
  std::string token;
  do {
    auto page = retry_([&] { return bucket_->list(job_ + "/", "", token, false, 1000); });
    if (!page.ok()) return page.error();
    for (const ObjectInfo& object : page->objects) use(object);
    token = page->next;
  } while (!token.empty());
  return {};
}

// Records of before versions were kept have none, and do not tell what was pending.
Status BucketDelivery::read_record() {
  std::string text;
  auto read = retry_([&] {
    text.clear();
    return bucket_->get(key(kRecord), std::nullopt, "", [&](std::string_view bytes) -> Status {
      if (text.size() + bytes.size() > kMaxRecord)
        return Error{Code::corrupt, key(kRecord) + " is too large", ""};
      text += bytes;
      return {};
    });
  });
  if (read.is(Code::not_found)) return {};
  if (!read.ok()) return read.error();
  BATON_ASSIGN(Json json, parse_json(text, key(kRecord)));
  auto files = json.find("files");
  if (files == json.end() || !files->is_object())
    return Error{
        Code::corrupt, key(kRecord) + " in " + bucket_->name() + " is damaged",
        "remove " + place() + " with the service's own tool, and the results are sent anew"};
  auto content = [](const Json& entry) -> Content {
    return {static_cast<uint64_t>(get_int(entry, "size")),
            static_cast<uint32_t>(get_int(entry, "crc32c")), get_string(entry, "version")};
  };
  for (const auto& [name, file] : files->items()) {
    Sent sent{content(file), get_int(file, "mtime_ns"), get_bool(file, "pending"), std::nullopt};
    if (auto next = file.find("next"); next != file.end()) sent.next = content(*next);
    sent_[name] = std::move(sent);
  }
  return {};
}

Status BucketDelivery::save() {
  Json files = Json::object();
  for (const auto& [name, file] : sent_) {
    Json entry = {{"size", file.content.size},
                  {"mtime_ns", file.mtime_ns},
                  {"crc32c", file.content.crc},
                  {"version", file.content.version}};
    if (file.pending) entry["pending"] = true;
    if (file.next) entry["next"] = {{"size", file.next->size}, {"crc32c", file.next->crc}};
    files[name] = std::move(entry);
  }
  std::string text =
      dump_json(Json{{"format", 1}, {"job", job_}, {"files", std::move(files)}}) + "\n";
  auto written =
      retry_([&] { return bucket_->put(key(kRecord), text, crc32c(text), Write::replace); });
  if (!written.ok()) return written.error();
  return {};
}

void BucketDelivery::leave_out(const std::string& name, const std::string& why) {
  now_.left_out.push_back(printable(name) + " " + why);
}

bool BucketDelivery::is_left_out(const std::string& name) const {
  return std::any_of(now_.left_out.begin(), now_.left_out.end(), [&](const std::string& line) {
    return starts_with(line, printable(name) + " ");
  });
}

void BucketDelivery::add(Task task, int64_t mtime_ns) {
  now_.files += 1;
  now_.bytes += task.size();
  auto known = sent_.find(task.name);
  bool same = known != sent_.end() && !known->second.pending &&
              known->second.content.size == task.size() && known->second.mtime_ns == mtime_ns;
  if (!same) tasks_.push_back(std::move(task));
}

Status BucketDelivery::plan(const Manifest& manifest, const std::vector<ExtraFile>& extras) {
  now_ = {};
  tasks_.clear();
  gone_.clear();
  std::set<std::string> wanted;
  const Tree* tree = results_of(manifest);
  for (size_t i = 0; tree && i < tree->entries.size(); ++i) {
    const TreeEntry& entry = tree->entries[i];
    if (entry.kind == TreeEntry::Kind::directory) continue;
    if (entry.kind == TreeEntry::Kind::symlink)
      leave_out(entry.path, "is a symlink, which buckets do not have");
    else if (entry.path == kOwn || starts_with(entry.path, std::string(kOwn) + "/"))
      leave_out(entry.path, "has a name that is baton's own");
    else if (!is_utf8(entry.path) || entry.path.size() > kMaxKey)
      leave_out(entry.path, "has a name that no object can have");
    else if (foreign_.contains(entry.path))
      leave_out(entry.path, "is there already and was not written by baton");
    else if (wanted.insert(entry.path).second)
      add({.name = entry.path, .entry = &entry}, entry.mtime_ns);
  }
  for (const ExtraFile& extra : extras)
    if (!foreign_.contains(extra.name) && wanted.insert(extra.name).second)
      // No modification time, but a checksum: the content is at hand.
      add({.name = extra.name, .extra = &extra}, static_cast<int64_t>(crc32c(extra.content)));
  for (const auto& [name, file] : sent_)
    if (!wanted.contains(name)) gone_.push_back({.name = name});
  return {};
}

Result<Delivery> BucketDelivery::deliver(ObjectStore& store, const Manifest& manifest,
                                         const std::string& directory,
                                         const std::vector<ExtraFile>& extras) {
  BATON_TRY(load());
  BATON_TRY(plan(manifest, extras));
  if (marked_) {  // the job goes on: what is there is not final any more
    Status removed = retry_([&] { return bucket_->remove(complete_key(job_)); });
    BATON_TRY(removed);
    marked_ = false;
  }
  if (tasks_.empty() && gone_.empty()) return now_;
  const From from{store, manifest, directory};
  BATON_TRY(measure(from));
  BATON_TRY(settle());
  announce();
  BATON_TRY(save());
  Status sent = each_task([&](Task& task) { return send(from, task); });
  if (sent.ok()) sent = remove_gone();
  Status saved = save();
  BATON_TRY(sent);
  BATON_TRY(saved);
  return now_;
}

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

// The file, as long as it is the commit's; else (Code::transient: it has changed meanwhile) what
// the commit has.
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
      Status done = use(watched(std::move(*local)));
      if (!done.is(Code::transient)) return done;
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
  // An earlier try whose reply was lost has perhaps written it: then it has these very bytes.
  auto there = retry_([&] { return bucket_->head(key(task.name)); });
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

Status BucketDelivery::check_listing() {
  std::map<std::string, ObjectInfo> listed;
  BATON_TRY(each_listed([&](const ObjectInfo& object) {
    listed.emplace(object.key.substr(job_.size() + 1), object);
  }));
  std::vector<Task> doubtful;
  for (const auto& [name, file] : sent_) {
    auto there = listed.find(name);
    bool same = there != listed.end() && there->second.size == file.content.size &&
                (there->second.version == file.content.version || there->second.version.empty() ||
                 file.content.version.empty());
    if (!same && !is_left_out(name)) doubtful.push_back({.name = name});
  }
  // Not every service writes a version in the same way everywhere: the object itself tells.
  BATON_TRY(claim_all(doubtful));
  for (const Task& task : doubtful)
    if (task.foreign || task.write == Write::if_absent)
      leave_out(task.name, "was changed by somebody else and is left as it is");
  return {};
}

Result<Delivery> BucketDelivery::complete(ObjectStore& store, const Manifest& manifest,
                                          const std::string& directory,
                                          const std::vector<ExtraFile>& extras, Json facts) {
  BATON_TRY(deliver(store, manifest, directory, extras));
  BATON_TRY(check_listing());
  facts["files"] = now_.files;
  facts["bytes"] = now_.bytes;
  facts["left_out"] = now_.left_out;
  std::string text = pretty_json(facts);
  BATON_TRY(
      retry_([&] { return bucket_->put(complete_key(job_), text, crc32c(text), Write::replace); }));
  marked_ = true;
  return now_;
}

}  // namespace baton
