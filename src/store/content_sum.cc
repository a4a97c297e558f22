#include "store/content_sum.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "base/crc64.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr std::string_view kGuess = "md5?:";
constexpr size_t kMd5Digits = 32;

template <class Hash>
Result<std::string> hash_file(const std::string& path) {
  BATON_ASSIGN(Fd fd, open_file(path, O_RDONLY | O_NOFOLLOW));
  std::vector<char> buffer(1 << 20);
  Hash hash;
  while (true) {
    ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read " + path);
    if (n == 0) return hash.finish_hex();
    hash.update({buffer.data(), static_cast<size_t>(n)});
  }
}

}  // namespace

std::string told_sum(std::string_view kind, std::string_view base64_digest, size_t bytes) {
  auto digest = base64_decode(base64_digest);
  if (!digest || digest->size() != bytes) return "";
  return std::string(kind) + ":" + hex(*digest);
}

std::string etag_sum(std::string_view etag, bool sure) {
  if (etag.size() != kMd5Digits + 2 || etag.front() != '"' || etag.back() != '"') return "";
  std::string_view digits = etag.substr(1, kMd5Digits);
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return "";
  return (sure ? "md5:" : std::string(kGuess)) + std::string(digits);
}

bool is_sure(std::string_view sum) { return !sum.empty() && !starts_with(sum, kGuess); }

bool names_content(std::string_view sum) {
  return starts_with(sum, "md5:") || starts_with(sum, "sha256:");
}

Result<bool> file_has_sum(const std::string& path, std::string_view sum) {
  auto hash = starts_with(sum, "sha256:")      ? hash_file<Sha256>
              : starts_with(sum, "crc64nvme:") ? hash_file<Crc64Nvme>
                                               : hash_file<Md5>;
  BATON_ASSIGN(std::string got, hash(path));
  return got == sum.substr(sum.find(':') + 1);
}

}  // namespace baton
