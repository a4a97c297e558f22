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
  if (!read.ok() && !read.is(Code::not_found)) return read.error();
  if (read.ok()) {
    BATON_ASSIGN(Json json, parse_json(text, key(kRecord)));
    auto files = json.find("files");
    if (files == json.end() || !files->is_object())
      return Error{
          Code::corrupt, key(kRecord) + " in " + bucket_->name() + " is damaged",
          "remove " + place() + " with the service's own tool, and the results are sent anew"};
    for (const auto& [name, file] : files->items())
      sent_[name] = {static_cast<uint64_t>(get_int(file, "size")), get_int(file, "mtime_ns"),
                     static_cast<uint32_t>(get_int(file, "crc32c")), get_bool(file, "pending")};
  }
  std::string token;
  const std::string prefix = job_ + "/";
  do {
    auto page = retry_([&] { return bucket_->list(prefix, "", token, false, 1000); });
    if (!page.ok()) return page.error();
    for (const ObjectInfo& object : page->objects) {
      std::string name = object.key.substr(prefix.size());
      if (starts_with(name, std::string(kOwn) + "/"))
        marked_ = marked_ || object.key == complete_key(job_);
      else if (!sent_.contains(name))
        foreign_.insert(name);
    }
    token = page->next;
  } while (!token.empty());
  loaded_ = true;
  return {};
}

Status BucketDelivery::save() {
  Json files = Json::object();
  for (const auto& [name, file] : sent_) {
    Json entry = {{"size", file.size}, {"mtime_ns", file.mtime_ns}, {"crc32c", file.crc}};
    if (file.pending) entry["pending"] = true;
    files[name] = std::move(entry);
  }
  std::string text =
      dump_json(Json{{"format", 1}, {"job", job_}, {"files", std::move(files)}}) + "\n";
  return retry_([&] { return bucket_->put(key(kRecord), text, crc32c(text), Write::replace); });
}

void BucketDelivery::leave_out(const std::string& name, const std::string& why) {
  now_.left_out.push_back(printable(name) + " " + why);
}

void BucketDelivery::add(Task task, uint64_t size, int64_t mtime_ns) {
  now_.files += 1;
  now_.bytes += size;
  auto known = sent_.find(task.name);
  bool same = known != sent_.end() && !known->second.pending && known->second.size == size &&
              known->second.mtime_ns == mtime_ns;
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
      add({entry.path, &entry, nullptr}, entry.size, entry.mtime_ns);
  }
  for (const ExtraFile& extra : extras)
    if (!foreign_.contains(extra.name) && wanted.insert(extra.name).second)
      // No modification time, but a checksum: the content is at hand.
      add({extra.name, nullptr, &extra}, extra.content.size(),
          static_cast<int64_t>(crc32c(extra.content)));
  for (const auto& [name, file] : sent_)
    if (!wanted.contains(name)) gone_.push_back(name);
  return {};
}

bool BucketDelivery::ours(const std::string& name, const Sent& sent) {
  if (sent.pending || sent.certain) return true;
  auto there = retry_([&] { return bucket_->head(key(name)); });
  if (!there.ok()) return there.is(Code::not_found);
  return there->size == sent.size && (!there->crc32c || *there->crc32c == sent.crc);
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
  // What is not ours any more is found out before it is marked as pending, which makes it ours.
  std::erase_if(tasks_, [&](const Task& task) {
    auto known = sent_.find(task.name);
    if (known == sent_.end() || ours(task.name, known->second)) return false;
    leave_out(task.name, "was changed by somebody else and is left as it is");
    return true;
  });
  std::erase_if(gone_, [&](const std::string& name) {
    if (ours(name, sent_[name])) return false;
    sent_.erase(name);
    foreign_.insert(name);
    return true;
  });
  std::set<std::string> fresh;
  for (const Task& task : tasks_) {
    if (!sent_.contains(task.name)) fresh.insert(task.name);
    sent_[task.name].pending = true;
  }
  for (const std::string& name : gone_) sent_[name].pending = true;
  BATON_TRY(save());
  fresh_ = std::move(fresh);
  Status sent = send_all(store, manifest, directory);
  if (sent.ok()) sent = remove_gone();
  Status saved = save();
  BATON_TRY(sent);
  BATON_TRY(saved);
  return now_;
}

Status BucketDelivery::send_all(ObjectStore& store, const Manifest& manifest,
                                const std::string& directory) {
  auto size_of = [](const Task& task) {
    return task.entry ? task.entry->size : task.extra->content.size();
  };
  // Small ones many at once; large ones one by one, each in many parts: memory stays bounded.
  auto middle = std::stable_partition(tasks_.begin(), tasks_.end(), [&](const Task& task) {
    return size_of(task) <= transfer_.part_size;
  });
  auto poll = [&]() -> Status {
    if (cancelled_) return Error{Code::cancelled, "the delivery was cancelled", ""};
    return {};
  };
  Status small = run_crew(
      transfer_.parallel, static_cast<size_t>(middle - tasks_.begin()),
      [&](int, size_t index) -> Status {
        BATON_TRY(poll());
        return send(store, manifest, directory, tasks_[index], transfer_);
      },
      poll);
  BATON_TRY(small);
  for (auto task = middle; task != tasks_.end(); ++task) {
    BATON_TRY(poll());
    BATON_TRY(send(store, manifest, directory, *task, transfer_));
  }
  return {};
}

Status BucketDelivery::send(ObjectStore& store, const Manifest& manifest,
                            const std::string& directory, const Task& task,
                            const TransferOptions& options) {
  Result<uint32_t> crc = Error{Code::not_found, "", ""};
  if (task.extra) {
    crc = send_bytes(task.name, memory_source(task.extra->content), options);
  } else {
    auto local = directory.empty() ? Result<ByteSource>(Error{Code::not_found, "", ""})
                                   : local_source(directory, *task.entry);
    if (local.ok()) crc = send_bytes(task.name, *local, options);
    // Changed meanwhile: the commit has it as it was.
    if (!local.ok() || crc.is(Code::transient))
      crc = send_bytes(task.name, commit_source(store, manifest, *task.entry), options);
  }
  std::lock_guard lock(mutex_);
  if (crc.is(Code::exists)) {
    sent_.erase(task.name);
    foreign_.insert(task.name);
    leave_out(task.name, "is there already and was not written by baton");
    return {};
  }
  if (!crc.ok()) return crc.error();
  uint64_t size = task.entry ? task.entry->size : task.extra->content.size();
  int64_t mtime = task.entry ? task.entry->mtime_ns : static_cast<int64_t>(*crc);
  sent_[task.name] = {size, mtime, *crc, false, true};
  now_.sent += 1;
  now_.sent_bytes += size;
  return {};
}

// Code::exists: somebody else's object of that name has come between.
Result<uint32_t> BucketDelivery::send_bytes(const std::string& name, const ByteSource& source,
                                            const TransferOptions& options) {
  ByteSource watched = source;
  watched.view = [this, &source](uint64_t offset, uint64_t size,
                                 char* scratch) -> Result<std::string_view> {
    if (cancelled_) return Error{Code::cancelled, "the delivery was cancelled", ""};
    return source.view(offset, size, scratch);
  };
  Write mode = fresh_.contains(name) ? Write::if_absent : Write::replace;
  auto crc = upload(*bucket_, retry_, options, key(name), watched, mode);
  if (!crc.is(Code::exists)) return crc;
  // An earlier try whose reply was lost has perhaps written it: then it has these very bytes.
  auto there = retry_([&] { return bucket_->head(key(name)); });
  if (!there.ok() || there->size != source.size || !there->crc32c) return crc;
  uint32_t sum = 0;
  std::vector<char> scratch(source.in_memory ? 0 : std::min(source.size, options.part_size));
  for (uint64_t at = 0; at < source.size; at += options.part_size) {
    BATON_ASSIGN(auto bytes,
                 source.view(at, std::min(options.part_size, source.size - at), scratch.data()));
    sum = crc32c(bytes, sum);
  }
  return sum == *there->crc32c ? Result<uint32_t>(sum) : crc;
}

Status BucketDelivery::remove_gone() {
  return run_crew(
      transfer_.parallel, gone_.size(),
      [&](int, size_t index) -> Status {
        BATON_TRY(retry_([&] { return bucket_->remove(key(gone_[index])); }));
        std::lock_guard lock(mutex_);
        sent_.erase(gone_[index]);
        return {};
      },
      [] { return Status(); });
}

Status BucketDelivery::check_sizes() {
  std::map<std::string, uint64_t> sizes;
  std::string token;
  const std::string prefix = job_ + "/";
  do {
    auto page = retry_([&] { return bucket_->list(prefix, "", token, false, 1000); });
    if (!page.ok()) return page.error();
    for (const ObjectInfo& object : page->objects)
      sizes[object.key.substr(prefix.size())] = object.size;
    token = page->next;
  } while (!token.empty());
  for (const auto& item : sent_) {
    const auto& name = item.first;
    const auto& file = item.second;
    auto there = sizes.find(name);
    bool listed = std::any_of(now_.left_out.begin(), now_.left_out.end(), [&](const auto& line) {
      return starts_with(line, printable(name) + " ");
    });
    if (!listed && (there == sizes.end() || there->second != file.size))
      leave_out(name, "was changed by somebody else and is left as it is");
  }
  return {};
}

Result<Delivery> BucketDelivery::complete(ObjectStore& store, const Manifest& manifest,
                                          const std::string& directory,
                                          const std::vector<ExtraFile>& extras, Json facts) {
  BATON_TRY(deliver(store, manifest, directory, extras));
  BATON_TRY(check_sizes());
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
