#include "agent/metrics_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "agent/stream.h"
#include "base/text.h"
#include "model/metrics.h"
#include "model/plot.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kChunk = 1 << 20;

struct Opened {
  Fd fd;
  uint64_t size = 0;  // 0: nothing to deliver
};

Opened open_reported(const std::string& path) {
  Opened opened{open_metrics(path), 0};
  struct stat info {};
  if (opened.fd.valid() && fstat(opened.fd.get(), &info) == 0)
    opened.size = static_cast<uint64_t>(info.st_size);
  return opened;
}

// Gives what was read to `take`, a chunk at a time.
template <class Take>
Status read_all(const Opened& opened, const std::string& path, const Take& take) {
  std::string chunk(kChunk, '\0');
  for (uint64_t at = 0; at < opened.size;) {
    const size_t wanted = std::min<uint64_t>(kChunk, opened.size - at);
    BATON_ASSIGN(size_t got, read_at(opened.fd.get(), chunk.data(), wanted, at, path));
    if (got == 0) return {};
    BATON_TRY(take(std::string_view(chunk.data(), got)));
    at += got;
  }
  return {};
}

// The metrics and, of those that can be drawn, the picture.
Result<std::vector<ExtraFile>> read_files(const Opened& opened, const std::string& path,
                                          const std::string& title) {
  std::string text;
  BATON_TRY(read_all(opened, path, [&](std::string_view bytes) {
    text += bytes;
    return Status();
  }));
  auto series = metric_series(text).series;
  std::vector<ExtraFile> files = {{"metrics.jsonl", std::move(text)}};
  if (!series.empty()) files.push_back({"metrics.svg", svg_plot(series, title)});
  return files;
}

// Nothing where the program has a file of that name.
Status write_new(const std::string& path, const std::function<Status(int fd)>& write) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno == EEXIST ? Status() : errno_error(errno, "write " + path);
  return write(fd.get());
}

std::string too_large(uint64_t size, const std::string& what) {
  return fmt::format("the metrics are {}, more than the {} up to which {}", human_size(size),
                     human_size(kMostDrawnMetrics), what);
}

}  // namespace

MetricsFiles metrics_files(const std::string& path, const std::string& title) {
  const Opened opened = open_reported(path);
  if (opened.size == 0) return {};
  if (opened.size > kMostDrawnMetrics)
    return {{}, too_large(opened.size, "they go to the bucket; `baton metrics` has them")};
  auto files = read_files(opened, path, title);
  if (!files.ok()) return {{}, files.error().within("the metrics are not delivered").message};
  return {std::move(*files), ""};
}

std::string add_metrics_files(const std::string& path, const std::string& title,
                              const std::string& results) {
  const Opened opened = open_reported(path);
  if (opened.size == 0) return "";
  if (opened.size > kMostDrawnMetrics) {
    const std::string name = results + "/metrics.jsonl";
    Status written = write_new(name, [&](int fd) {
      return read_all(opened, path,
                      [&](std::string_view bytes) { return write_all(fd, bytes, name); });
    });
    return written.ok() ? too_large(opened.size, "metrics.svg is drawn")
                        : written.error().within("the metrics are not delivered").message;
  }
  auto files = read_files(opened, path, title);
  if (!files.ok()) return files.error().within("the metrics are not delivered").message;
  for (const ExtraFile& file : *files) {
    const std::string name = results + "/" + file.name;
    Status written = write_new(name, [&](int fd) { return write_all(fd, file.content, name); });
    if (!written.ok()) return written.error().within("the metrics are not delivered").message;
  }
  return "";
}

}  // namespace baton
