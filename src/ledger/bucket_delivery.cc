#include "ledger/bucket_delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/text.h"

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
  BATON_ASSIGN(sent_, read_record());
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
Result<std::map<std::string, BucketDelivery::Sent>> BucketDelivery::read_record() {
  std::string text;
  std::map<std::string, Sent> found;
  auto read = retry_([&] {
    text.clear();
    return bucket_->get(key(kRecord), std::nullopt, "", [&](std::string_view bytes) -> Status {
      if (text.size() + bytes.size() > kMaxRecord)
        return Error{Code::corrupt, key(kRecord) + " is too large", ""};
      text += bytes;
      return {};
    });
  });
  if (read.is(Code::not_found)) return found;
  if (!read.ok()) return read.error();
  record_version_ = read->version;
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
    found[name] = std::move(sent);
  }
  return found;
}

// Code::exists: it is not the one any more that was read or written last.
Result<std::string> BucketDelivery::write_record() {
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
  const Write mode = no_versions_              ? Write::replace
                     : record_version_.empty() ? Write::if_absent
                                               : Write::if_version(record_version_);
  const uint32_t crc = crc32c(text);
  auto written = retry_([&] { return bucket_->put(key(kRecord), text, crc, mode); });
  if (written.is(Code::unsupported)) {
    no_versions_ = true;
    return retry_([&] { return bucket_->put(key(kRecord), text, crc, Write::replace); });
  }
  if (!written.is(Code::exists)) return written;
  // Perhaps by an earlier try whose reply was lost.
  auto there = retry_([&] { return bucket_->head(key(kRecord)); });
  if (there.ok() && there->size == text.size() && there->crc32c == crc) return there->version;
  return written;
}

// Another attempt of the job has written the record meanwhile. What either has sent is baton's.
Status BucketDelivery::take_over() {
  BATON_TRY(poll());  // it is the other one's turn, if it is not ours any more
  record_version_.clear();
  BATON_ASSIGN(auto theirs, read_record());
  for (const auto& [name, file] : theirs) {
    auto [own, fresh] = sent_.try_emplace(name, file);
    if (!fresh && !own->second.next) own->second.next = file.content;
  }
  return {};
}

// What was written must be known to whoever delivers next, and no attempt may forget what another
// one has sent: the record is replaced only by who knows it.
Status BucketDelivery::save() {
  constexpr int kRounds = 5;
  for (int round = 1;; ++round) {
    auto written = write_record();
    if (written.ok()) {
      record_version_ = *written;
      return {};
    }
    bool other = written.is(Code::exists) || written.is(Code::not_found);
    if (!other || round == kRounds) return written.error();
    BATON_TRY(take_over());
  }
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
