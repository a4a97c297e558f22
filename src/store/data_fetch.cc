#include "store/data_fetch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/text.h"
#include "os/crew.h"
#include "os/files.h"
#include "store/transfer.h"

namespace baton {
namespace {

constexpr int kMostVersions = 5;  // of one content, while it is fetched
constexpr int kReadings = 3;      // of what does not have the checksum that it should have

bool is_there(const std::string& path, uint64_t size) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         static_cast<uint64_t>(info.st_size) == size;
}

// One file on its way: PARTS/<hash> takes the bytes, PARTS/<hash>.done tells which parts are whole,
// a line "NUMBER CRC" each. Every line begins with the end of the one before, so that one that a
// full disk has torn is never read as another.
class Partial {
 public:
  Partial(const DataFile& file, const std::string& parts, uint64_t part_size)
      : file_(file),
        path_(join_path(
            parts, sha256_hex(fmt::format("{} {}", part_size, data_line(file))).substr(0, 32))),
        part_size_(part_size),
        version_(file.version),
        crcs_((file.size + part_size - 1) / part_size) {
    read_done();
  }

  const DataFile& file() const { return file_; }
  const std::string& path() const { return path_; }
  std::string version() const {
    std::lock_guard lock(mutex_);
    return version_;
  }
  // The same content under another version; false when that has happened too often.
  bool follow(const std::string& version) {
    std::lock_guard lock(mutex_);
    if (version == version_) return true;
    version_ = version;
    return ++followed_ <= kMostVersions;
  }
  size_t count() const { return crcs_.size(); }
  bool has(size_t part) const { return crcs_[part].has_value(); }
  uint64_t done_bytes() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < count(); ++i)
      if (has(i)) sum += range(i).size;
    return sum;
  }
  BucketRange range(size_t part) const {
    uint64_t offset = part * part_size_;
    return {offset, std::min(part_size_, file_.size - offset)};
  }

  Result<Fd> open() const { return open_file(path_, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644); }

  // True when it was the last one.
  Result<bool> note(size_t part, uint32_t crc) {
    if (count() > 1) {
      std::lock_guard lock(mutex_);
      BATON_ASSIGN(Fd fd, open_file(path_ + ".done", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW));
      BATON_TRY(write_all(fd.get(), fmt::format("\n{} {:08x}", part, crc), path_ + ".done"));
    }
    crcs_[part] = crc;
    return left_.fetch_sub(1) == 1;
  }
  uint32_t crc_of(size_t part) const { return *crcs_[part]; }
  // What the one request for a file in one part told of it.
  void tell(const BucketObject& object) { told_ = object; }
  Result<BucketObject> told() const { return told_; }
  void correct(size_t part, uint32_t crc) { crcs_[part] = crc; }
  // To be called when all parts that are missing have become tasks.
  void expect(size_t parts) { left_ = parts; }

  uint32_t crc() const {
    uint32_t crc = 0;
    for (size_t i = 0; i < count(); ++i) crc = crc32c_combine(crc, *crcs_[i], range(i).size);
    return crc;
  }
  void forget() const {
    ::unlink((path_ + ".done").c_str());
    ::unlink(path_.c_str());
  }
  Status move_to(const std::string& place) const {
    BATON_TRY(make_dirs(parent_path(place), 0755));
    if (::chmod(path_.c_str(), 0444) != 0 || std::rename(path_.c_str(), place.c_str()) != 0)
      return errno_error(errno, "put " + printable(file_.name) + " in its place");
    ::unlink((path_ + ".done").c_str());
    return {};
  }

 private:
  void read_done() {
    auto text = read_file(path_ + ".done");
    // It may have been cut off between the last two steps, when nobody may write it any more.
    if (!text.ok() || ::chmod(path_.c_str(), 0644) != 0) return forget();
    for (const auto& line : split(*text, '\n')) {
      size_t part = 0;
      uint32_t crc = 0;
      const char* end = line.data() + line.size();
      auto number = std::from_chars(line.data(), end, part);
      if (number.ec != std::errc() || number.ptr == end || part >= count()) continue;
      auto sum = std::from_chars(number.ptr + 1, end, crc, 16);
      if (sum.ec == std::errc() && sum.ptr == end && sum.ptr - number.ptr == 9) crcs_[part] = crc;
    }
  }

  const DataFile& file_;
  const std::string path_;
  const uint64_t part_size_;
  mutable std::mutex mutex_;
  std::string version_;
  int followed_ = 0;
  BucketObject told_;
  std::vector<std::optional<uint32_t>> crcs_;
  std::atomic<size_t> left_{0};
};

class Fetch {
 public:
  Fetch(const DataSource& source, const std::string& tree, const std::string& parts, Clock& clock,
        const FetchOptions& options)
      : source_(source),
        bucket_(*source.bucket),
        tree_(tree),
        parts_(parts),
        retry_(bucket_, clock, {}),
        options_(options) {}

  Status run() {
    BATON_TRY(make_dirs(tree_, 0755));
    BATON_TRY(make_dirs(parts_, 0700));
    BATON_TRY(plan());
    Bucket::Heeding heeding(bucket_, cancel_);
    return run_crew(
        options_.parallel, tasks_.size(),
        [&](int, size_t index) { return fetch(*tasks_[index].partial, tasks_[index].part); },
        [&]() -> Status {
          if (options_.progress) options_.progress(done_, total_);
          return options_.poll ? options_.poll() : Status();
        },
        [this] { cancel_.set(); });
  }

 private:
  struct Task {
    Partial* partial;
    size_t part;
  };

  std::string place(const DataFile& file) const { return join_path(tree_, file.name); }

  Status plan() {
    for (const DataFile& file : source_.files) {
      total_ += file.size;
      if (is_there(place(file), file.size)) {
        done_ += file.size;
        continue;
      }
      // A server that takes no ranges gives the file in one piece.
      uint64_t part_size =
          bucket_.honours_ranges() ? options_.part_size : std::max<uint64_t>(file.size, 1);
      auto partial = std::make_unique<Partial>(file, parts_, part_size);
      size_t before = tasks_.size();
      for (size_t part = 0; part < partial->count(); ++part)
        if (!partial->has(part)) tasks_.push_back({partial.get(), part});
      done_ += partial->done_bytes();
      partial->expect(tasks_.size() - before);
      if (tasks_.size() == before) {  // empty, or cut off just before its end
        if (file.size == 0) BATON_TRY(partial->open());
        BATON_TRY(finish(*partial));
      } else {
        partials_.push_back(std::move(partial));
      }
    }
    return {};
  }

  Status fetch(Partial& partial, size_t part) {
    const BucketRange range = partial.range(part);
    BATON_ASSIGN(Fd fd, partial.open());
    BATON_ASSIGN(uint32_t crc, get(partial, range, fd.get()));
    done_ += range.size;
    BATON_ASSIGN(bool last, partial.note(part, crc));
    return last ? finish(partial) : Status();
  }

  // One part into the file; its CRC.
  Result<uint32_t> get(Partial& partial, const BucketRange& range, int fd) {
    const DataFile& file = partial.file();
    const bool whole = range.size == file.size;
    return retry_([&]() -> Result<uint32_t> {
      uint64_t got = 0;
      uint32_t crc = 0;
      Status written;  // its own words, without what the network's code puts around them
      auto sink = [&](std::string_view piece) -> Status {
        if (cancel_.is_set())  // not seen by who always finds the next bytes there already
          return Error{Code::cancelled, "reading " + file.name + " was cancelled", ""};
        if (piece.size() > range.size - got)
          return Error{Code::transient, file.name + " came with more bytes than it has", ""};
        written = write_at(fd, piece, range.offset + got, file.name);
        BATON_TRY(written);
        crc = crc32c(piece, crc);
        got += piece.size();
        return {};
      };
      const std::string version = partial.version();
      auto object =
          bucket_.get(file.name, whole ? std::nullopt : std::optional(range), version, sink);
      if (!written.ok()) return written.error();
      if (!object.ok()) return reason(partial, version, object.error());
      if (object->size != file.size) return changed(file);
      if (got != range.size)
        return Error{Code::transient, file.name + " came with fewer bytes than it has", ""};
      if (whole) partial.tell(*object);
      return crc;
    });
  }

  static Status write_at(int fd, std::string_view bytes, uint64_t offset, const std::string& name) {
    while (!bytes.empty()) {
      ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error(errno, "write " + printable(name));
      bytes.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return {};
  }

  Error changed(const DataFile& file) const {
    return {Code::permanent,
            fmt::format("{} in {} is not the one that was listed: it was replaced meanwhile",
                        printable(file.name), bucket_.name()),
            "submit the job again to use the data as it is now"};
  }
  Error damaged(const DataFile& file) const {
    return {Code::transient,
            fmt::format("{} in {} did not arrive as it was stored: its checksum differs",
                        printable(file.name), bucket_.name()),
            ""};
  }
  // A transient error may come from a version that is there no more; the object tells. The same
  // content under another version, uploaded anew, is as good.
  Error reason(Partial& partial, const std::string& version, const Error& error) {
    const DataFile& file = partial.file();
    if (error.code == Code::not_found) return changed(file);
    if (error.code != Code::transient || version.empty()) return error;
    auto now = bucket_.head(file.name);
    if (now.is(Code::not_found)) return changed(file);
    if (!now.ok() || now->version == version) return error;
    return follow(partial, *now) ? error : changed(file);
  }
  static bool follow(Partial& partial, const BucketObject& now) {
    const DataFile& file = partial.file();
    return now.size == file.size && names_content(now.sum) && now.sum == file.sum &&
           partial.follow(now.version);
  }

  // All parts are here: compared with what the service knows of the whole.
  Status finish(Partial& partial) {
    const DataFile& file = partial.file();
    if (partial.count() == 0) return partial.move_to(place(file));
    BATON_ASSIGN(BucketObject object, partial.count() == 1 ? partial.told() : ask(partial));
    for (int reading = 1;; ++reading) {
      BATON_ASSIGN(bool good, matches(partial, object));
      if (good) break;
      if (reading == kReadings) {
        partial.forget();
        return damaged(file);
      }
      BATON_ASSIGN(bool same, read_again(partial));
      if (same && !object.crc32c && !is_sure(object.sum)) break;  // so that was no sum
    }
    return partial.move_to(place(file));
  }

  Result<BucketObject> ask(Partial& partial) {
    const DataFile& file = partial.file();
    return retry_([&]() -> Result<BucketObject> {
      auto found = bucket_.head(file.name);
      if (!found.ok()) return reason(partial, partial.version(), found.error());
      bool same = found->version == partial.version() && found->size == file.size;
      if (!same && !follow(partial, *found)) return changed(file);
      return found;
    });
  }

  // What cannot be compared matches.
  Result<bool> matches(const Partial& partial, const BucketObject& object) {
    if (object.crc32c) return *object.crc32c == partial.crc();
    if (object.sum.empty()) return true;
    uint64_t part_size = 0;
    if (const uint64_t parts = parts_of(object.sum); parts > 0) {
      BATON_ASSIGN(part_size, retry_([&] { return bucket_.part_size(partial.file().name); }));
      if (part_size == 0 || (object.size + part_size - 1) / part_size != parts) return true;
    }
    return file_has_sum(partial.path(), object.sum, part_size, &cancel_);
  }

  // True when every part came as it had come before.
  Result<bool> read_again(Partial& partial) {
    BATON_ASSIGN(Fd fd, partial.open());
    bool same = true;
    for (size_t part = 0; part < partial.count(); ++part) {
      BATON_ASSIGN(uint32_t crc, get(partial, partial.range(part), fd.get()));
      same = same && partial.crc_of(part) == crc;
      partial.correct(part, crc);
    }
    return same;
  }

  const DataSource& source_;
  Bucket& bucket_;
  const std::string tree_, parts_;
  BucketRetry retry_;
  const FetchOptions& options_;
  Cancel cancel_;  // once it has failed, or nobody wants it any more
  std::vector<std::unique_ptr<Partial>> partials_;
  std::vector<Task> tasks_;
  uint64_t total_ = 0;
  std::atomic<uint64_t> done_{0};
};

}  // namespace

Status fetch_data(const DataSource& source, const std::string& tree, const std::string& parts,
                  Clock& clock, const FetchOptions& options) {
  return Fetch(source, tree, parts, clock, options).run();
}

uint64_t missing_bytes(const DataSource& source, const std::string& tree) {
  uint64_t sum = 0;
  for (const DataFile& file : source.files)
    if (!is_there(join_path(tree, file.name), file.size)) sum += file.size;
  return sum;
}

}  // namespace baton
