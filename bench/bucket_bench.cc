// Moves a directory's files to a bucket and back through the transfer code of src/store, several
// files at once: what commits, data and results are moved with. bench/bucket.py compares it.
//
//   bucket_bench up DIRECTORY s3://bucket/prefix…
//   bucket_bench down s3://bucket/prefix… DIRECTORY
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "os/clock.h"
#include "os/crew.h"
#include "os/files.h"
#include "store/open_store.h"
#include "store/transfer.h"

namespace {

using namespace baton;

struct Mover {
  Bucket& bucket;
  TransferOptions options;
  BucketRetry& retry;

  Status up(const std::string& directory, const std::string& name) {
    std::string path = join_path(directory, name);
    BATON_ASSIGN(Fd fd, open_file(path, O_RDONLY));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return Error{Code::permanent, "fstat failed", ""};
    auto source = file_source(fd.get(), static_cast<uint64_t>(info.st_size), path);
    auto sent = upload(bucket, retry, options, name, source, Write::replace);
    return sent.ok() ? Status() : sent.error();
  }

  Status down(const std::string& directory, const std::string& name) {
    std::string path = join_path(directory, name);
    BATON_ASSIGN(Fd fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
    auto write = [&](uint64_t offset, std::string_view bytes) -> Status {
      while (!bytes.empty()) {
        ssize_t n = pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0) return errno_error(errno, "write " + path);
        bytes.remove_prefix(static_cast<size_t>(n));
        offset += static_cast<uint64_t>(n);
      }
      return {};
    };
    auto got = download(bucket, retry, options, name, UINT64_MAX, write);
    return got.ok() ? Status() : got.error();
  }
};

Status run(const std::string& direction, const std::string& directory, const std::string& url) {
  SystemClock clock;
  OpenStoreOptions open{[](const std::string& name) -> std::optional<std::string> {
                          const char* value = std::getenv(name.c_str());
                          return value ? std::optional<std::string>(value) : std::nullopt;
                        },
                        clock, ""};
  BATON_ASSIGN(auto bucket, open_bucket(url, open));
  TransferOptions options;
  options.parallel = 2;  // requests for each of the files that move at once
  BucketRetry retry(*bucket, clock, options);
  Mover mover{*bucket, options, retry};
  bool upward = direction == "up";
  std::vector<std::string> names;
  if (upward) {
    BATON_ASSIGN(names, list_dir(directory));
  } else {
    BATON_TRY(make_dirs(directory));
    std::string token;
    do {
      BATON_ASSIGN(BucketPage page, bucket->list("", "", token, false, 1000));
      for (auto& object : page.objects) names.push_back(object.key);
      token = page.next;
    } while (!token.empty());
  }
  return run_crew(
      TransferOptions{}.parallel, names.size(),
      [&](int, size_t i) {
        return upward ? mover.up(directory, names[i]) : mover.down(directory, names[i]);
      },
      [] { return Status(); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bucket_bench up DIRECTORY URL | down URL DIRECTORY\n");
    return 2;
  }
  std::string direction = argv[1];
  bool upward = direction == "up";
  Status status = run(direction, argv[upward ? 2 : 3], argv[upward ? 3 : 2]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().text().c_str());
  return status.ok() ? 0 : 1;
}
