// How fast commits are, side by side with cp: commit_bench [--gib 2] [--rounds 5] [--dir DIR]
// [--files 1]
//
// Every round takes, in turn, over the same incompressible checkpoint: cp and fsync; a first commit
// into a directory store; a commit after 1 % of the bytes changed, in one stretch; a restore; cp
// alone. The order turns from round to round, and ratios are made within a round, so that a machine
// that is busy for a while troubles all alike. Medians are printed.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
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
    // Steps in groups that keep their inner order; the groups turn.
    std::vector<std::function<void()>> groups = {[this] { copies(/*sync=*/true); },
                                                 [this] { commits(); },
                                                 [this] { copies(/*sync=*/false); }};
    for (int round = 0; round < options_.rounds; ++round) {
      for (size_t i = 0; i < groups.size(); ++i)
        groups[(i + static_cast<size_t>(round)) % groups.size()]();
      fmt::print(stderr, "round {} of {}: ", round + 1, options_.rounds);
      for (const auto& [name, times] : times_)
        fmt::print(stderr, "{} {:.3f}s  ", name, times.back());
      fmt::print(stderr, "\n");
    }
    print();
  }

 private:
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

  void copies(bool sync) {
    std::string to = dir_.path() + "/copy";
    times_[sync ? "cp+fsync" : "cp"].push_back(seconds([&] {
      SpawnOptions cp;
      cp.argv = {"cp", "-r", source_, to};
      must(must(run_command(cp, 600'000)).status.success()
               ? Status()
               : Error{Code::permanent, "cp failed", ""});
      if (!sync) return;
      for (const std::string& name : must(list_dir(to)))
        if (fsync(must(open_file(to + "/" + name, O_RDONLY)).get()) != 0)
          must(errno_error(errno, "sync " + name));
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

  void commits() {
    std::string store_path = dir_.path() + "/store", back = dir_.path() + "/back";
    {
      auto store = must(open_dir_store(store_path, {}));
      auto committer = make_committer(*store, "bench", 1);
      std::vector<CaptureRoot> roots = {{"checkpoint", source_}};
      auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now().time_since_epoch());
      auto capture = [&](uint64_t seq) {
        return must(committer->capture(roots, seq, 0, wall.count(), {}));
      };
      times_["commit"].push_back(seconds([&] { capture(1); }));
      change();
      Captured second;
      times_["commit 1% changed"].push_back(seconds([&] { second = capture(2); }));
      times_["restore"].push_back(seconds([&] {
        must(make_committer(*store, "bench", 2)
                 ->restore(second.manifest, {{"checkpoint", back}}, {}));
      }));
    }
    must(remove_tree(back));
    must(remove_tree(store_path));
  }

  void print() const {
    fmt::print("{:<20}{:>10}{:>12}   {}\n", "", "median s", "MB/s", "ratio (median over rounds)");
    for (const char* name : {"cp+fsync", "commit", "commit 1% changed", "cp", "restore"})
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
    if (name == "commit 1% changed")
      return fmt::format("{:.1f} times as fast as the first (goal: 10)", against("commit", name));
    if (name == "restore")
      return fmt::format("{:.2f} of cp's speed (goal: 1.0)", against("cp", name));
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
