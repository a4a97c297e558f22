// How fast commits are, side by side with cp: commit_bench [--gib 2] [--rounds 5] [--dir DIR]
// [--files 1]
//
// Every round takes, over the same incompressible checkpoint: cp and fsync; a first commit into a
// directory store; a commit after 1 % of the bytes changed, in one stretch; then cp and restore,
// both from the disk, and both from the page cache. The order of the compared ones turns from round
// to round, and ratios are made within a round, so that a machine that is busy for a while troubles
// all alike. Medians are printed.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <random>

#include "ledger/commits.h"
#include "os/files.h"
#include "os/process.h"

namespace {

using namespace baton;

constexpr size_t kBlock = 1 << 20;

template <class T>
T must(Result<T> result) {
  if (!result.ok()) {
    fmt::print(stderr, "{}\n", result.error().text());
    std::exit(1);
  }
  return std::move(result).value();
}
void must(const Status& status) {
  if (!status.ok()) must(Result<int>(status.error()));
}

double seconds(const std::function<void()>& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void fill(char* bytes, size_t size, std::mt19937_64& random) {
  for (size_t i = 0; i + 8 <= size; i += 8) {
    uint64_t word = random();
    std::copy_n(reinterpret_cast<char*>(&word), 8, bytes + i);
  }
}

struct Options {
  double gib = 2;
  int rounds = 5, files = 1;
  std::string dir = "/var/tmp";
};

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options),
        dir_(must(TempDir::create("baton-bench", options.dir))),
        source_(dir_.path() + "/checkpoint") {
    must(make_dirs(source_));
    auto size =
        static_cast<uint64_t>(options.gib * (1 << 30)) / static_cast<uint64_t>(options.files);
    for (int i = 0; i < options.files; ++i) write(source_ + fmt::format("/model-{}.bin", i), size);
    bytes_ = size * static_cast<uint64_t>(options.files);
  }

  void run() {
    for (int round = 0; round < options_.rounds; ++round) {
      const bool turned = round % 2 != 0;
      if (turned) first_commits();
      cache(source_, true);
      copy("cp+fsync", true);
      if (!turned) first_commits();
      for (bool cached : {false, true}) {
        const std::string how = cached ? ", cached" : ", from disk";
        if (turned) restore("restore" + how, cached);
        cache(source_, cached);
        copy("cp" + how, false);
        if (!turned) restore("restore" + how, cached);
      }
      must(remove_tree(store_path_));
      fmt::print(stderr, "round {} of {}: ", round + 1, options_.rounds);
      for (const auto& [name, times] : times_)
        fmt::print(stderr, "{} {:.3f}s  ", name, times.back());
      fmt::print(stderr, "\n");
    }
    print();
  }

  void write(const std::string& path, uint64_t size) {
    Fd fd = must(open_file(path, O_WRONLY | O_CREAT));
    std::string block(kBlock, '\0');
    for (uint64_t done = 0; done < size; done += kBlock) {
      fill(block.data(), kBlock, random_);
      must(write_all(fd.get(),
                     std::string_view(block).substr(0, std::min<uint64_t>(kBlock, size - done)),
                     path));
    }
    if (fsync(fd.get()) != 0) must(errno_error(errno, "sync " + path));
  }

  // Brings the files of a directory into the page cache, or out of it.
  static void cache(const std::string& directory, bool in) {
    std::string block(kBlock, '\0');
    for (const auto& item : std::filesystem::recursive_directory_iterator(directory)) {
      if (!item.is_regular_file()) continue;
      Fd fd = must(open_file(item.path().string(), O_RDONLY));
      if (!in && (fsync(fd.get()) != 0 || posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED) != 0))
        must(errno_error(errno, "drop " + item.path().string()));
      for (uint64_t offset = 0; in; offset += kBlock)
        if (must(read_at(fd.get(), block.data(), kBlock, offset, item.path().string())) < kBlock)
          break;
    }
  }

  // Leaves as much page cache freshly used and given back as the next step fills: a virtual
  // machine's memory may be backed only when it is touched and taken away again when it is free,
  // and whoever comes first would pay for it.
  void level_memory() const {
    std::string path = dir_.path() + "/level", block(kBlock, '\1');
    {
      Fd fd = must(open_file(path, O_WRONLY | O_CREAT));
      for (uint64_t done = 0; done < bytes_; done += kBlock) must(write_all(fd.get(), block, path));
    }
    must(remove_tree(path));
  }

  void copy(const std::string& name, bool sync) {
    std::string to = dir_.path() + "/copy";
    level_memory();
    times_[name].push_back(seconds([&] {
      SpawnOptions cp;
      cp.argv = {"cp", "-r", source_, to};
      must(must(run_command(cp, 600'000)).status.success()
               ? Status()
               : Error{Code::permanent, "cp failed", ""});
      if (!sync) return;
      for (const std::string& file : must(list_dir(to)))
        if (fsync(must(open_file(to + "/" + file, O_RDONLY)).get()) != 0)
          must(errno_error(errno, "sync " + file));
    }));
    must(remove_tree(to));
  }

  // 1 % of the bytes, in one stretch of the first file, as a fine-tuned layer is.
  void change() {
    std::string path = source_ + "/model-0.bin";
    Fd fd = must(open_file(path, O_WRONLY));
    uint64_t size = bytes_ / static_cast<uint64_t>(options_.files),
             part = std::min(size, bytes_ / 100);
    std::string block(part, '\0');
    fill(block.data(), part, random_);
    auto at = static_cast<off_t>(part < size ? random_() % (size - part) : 0);
    if (pwrite(fd.get(), block.data(), part, at) != static_cast<ssize_t>(part))
      must(errno_error(errno, "write " + path));
  }

  void first_commits() {
    auto store = must(open_dir_store(store_path_, {}));
    auto committer = make_committer(*store, "bench", 1);
    std::vector<CaptureRoot> roots = {{"checkpoint", source_}};
    auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    cache(source_, true);
    level_memory();
    times_["commit"].push_back(
        seconds([&] { must(committer->capture(roots, 1, 0, wall.count(), {})); }));
    change();
    times_["commit, 1% changed"].push_back(
        seconds([&] { last_ = must(committer->capture(roots, 2, 0, wall.count(), {})).manifest; }));
  }

  void restore(const std::string& name, bool cached) {
    std::string to = dir_.path() + "/back";
    auto store = must(open_dir_store(store_path_, {}));
    cache(store_path_, cached);
    level_memory();
    times_[name].push_back(seconds([&] {
      must(make_committer(*store, "bench", 2)->restore(last_, {{"checkpoint", to}}, {}));
    }));
    must(remove_tree(to));
  }

  void print() const {
    fmt::print("{:<20}{:>10}{:>12}   {}\n", "", "median s", "MB/s", "ratio (median over rounds)");
    for (const char* name : {"cp+fsync", "commit", "commit, 1% changed", "cp, from disk",
                             "restore, from disk", "cp, cached", "restore, cached"})
      fmt::print("{:<20}{:>10.3f}{:>12.0f}   {}\n", name, median(times_.at(name)),
                 static_cast<double>(bytes_) / median(times_.at(name)) / 1e6, ratio(name));
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print("largest resident size of this process: {} MiB; now {} MiB\n",
               usage.ru_maxrss / 1024, resident_mib());
  }

  std::string ratio(const std::string& name) const {
    if (name == "commit")
      return fmt::format("{:.2f} of cp+fsync's speed (goal: 0.8)", against("cp+fsync", name));
    if (name == "commit, 1% changed")
      return fmt::format("{:.1f} times as fast as the first (goal: 10)", against("commit", name));
    if (name == "restore, from disk")
      return fmt::format("{:.2f} of cp's speed (goal: 1.0)", against("cp, from disk", name));
    if (name == "restore, cached")
      return fmt::format("{:.2f} of cp's speed (goal: 1.0)", against("cp, cached", name));
    return "";
  }

  double against(const std::string& slow, const std::string& fast) const {
    std::vector<double> ratios;
    for (size_t i = 0; i < times_.at(slow).size(); ++i)
      ratios.push_back(times_.at(slow)[i] / times_.at(fast)[i]);
    return median(ratios);
  }

  static long resident_mib() {
    std::string statm = must(read_file("/proc/self/statm"));
    return std::strtol(statm.c_str() + statm.find(' '), nullptr, 10) * sysconf(_SC_PAGESIZE) >> 20;
  }

  Options options_;
  TempDir dir_;
  std::string source_;
  std::string store_path_ = dir_.path() + "/store";
  Manifest last_;
  uint64_t bytes_ = 0;
  std::mt19937_64 random_{1};
  std::map<std::string, std::vector<double>> times_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    if (name == "--gib") options.gib = std::atof(argv[i + 1]);
    if (name == "--rounds") options.rounds = std::atoi(argv[i + 1]);
    if (name == "--files") options.files = std::max(1, std::atoi(argv[i + 1]));
    if (name == "--dir") options.dir = argv[i + 1];
  }
  Bench(options).run();
}
