#include "store/content_sum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <memory>
#include <vector>

#include "base/crc32c.h"
#include "base/crc64.h"
#include "base/encoding.h"
#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr std::string_view kGuess = "?";
constexpr std::string_view kParts = "-parts";
constexpr size_t kMd5Digits = 32;

// Incremental. finish() ends a computation and gives the checksum's bytes, the highest first; the
// object is then ready for another one.
class Checksum {
 public:
  virtual ~Checksum() = default;
  virtual void update(std::string_view bytes) = 0;
  virtual std::string finish() = 0;
};

class Digest : public Checksum {
 public:
  explicit Digest(const EVP_MD* kind) : kind_(kind), context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), kind_, nullptr);
  }
  void update(std::string_view bytes) override {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string finish() override {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    EVP_DigestInit_ex(context_.get(), kind_, nullptr);
    return {reinterpret_cast<const char*>(digest.data()), size};
  }

 private:
  const EVP_MD* kind_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

template <class Number>
std::string bytes_of(Number number) {
  std::string bytes;
  for (size_t i = sizeof(Number); i-- > 0;) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

class Crc32 : public Checksum {
 public:
  void update(std::string_view bytes) override { crc_.process_bytes(bytes.data(), bytes.size()); }
  std::string finish() override {
    std::string bytes = bytes_of<uint32_t>(crc_.checksum());
    crc_.reset();
    return bytes;
  }

 private:
  boost::crc_32_type crc_;
};

// A CRC that goes on from the one before.
template <class Number, Number (*Go)(std::string_view, Number)>
class Crc : public Checksum {
 public:
  void update(std::string_view bytes) override { crc_ = Go(bytes, crc_); }
  std::string finish() override { return bytes_of(std::exchange(crc_, 0)); }

 private:
  Number crc_ = 0;
};

std::unique_ptr<Checksum> make_checksum(std::string_view kind) {
  if (kind == "md5") return std::make_unique<Digest>(EVP_md5());
  if (kind == "sha1") return std::make_unique<Digest>(EVP_sha1());
  if (kind == "sha256") return std::make_unique<Digest>(EVP_sha256());
  if (kind == "crc32") return std::make_unique<Crc32>();
  if (kind == "crc32c") return std::make_unique<Crc<uint32_t, crc32c>>();
  if (kind == "crc64nvme") return std::make_unique<Crc<uint64_t, crc64_nvme>>();
  return nullptr;
}

struct Sum {
  std::string_view kind;  // without what follows it
  bool sure = true, in_parts = false;
  std::string_view text;  // behind the colon
};

Sum parse(std::string_view sum) {
  const size_t colon = std::min(sum.find(':'), sum.size());
  Sum parsed{sum.substr(0, colon), true, false, sum.substr(std::min(colon + 1, sum.size()))};
  parsed.in_parts = ends_with(parsed.kind, kParts);
  parsed.sure = !parsed.in_parts && !ends_with(parsed.kind, kGuess);
  if (parsed.in_parts) parsed.kind.remove_suffix(kParts.size());
  if (ends_with(parsed.kind, kGuess)) parsed.kind.remove_suffix(kGuess.size());
  return parsed;
}

bool are_md5_digits(std::string_view text) {
  return text.size() == kMd5Digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Splits "<text>-<n>"; 0 where no number follows.
uint64_t cut_count(std::string_view& text) {
  const size_t dash = text.rfind('-');
  if (dash == std::string_view::npos) return 0;
  auto count = parse_decimal(std::string(text.substr(dash + 1)));
  if (!count || *count == 0) return 0;
  text = text.substr(0, dash);
  return *count;
}

std::string sum_text(std::string_view kind, uint64_t parts, const std::string& digits) {
  std::string text(kind);
  if (parts == 0) return text + ":" + digits;
  return text.append(kParts) + ":" + digits + "-" + std::to_string(parts);
}

}  // namespace

std::string told_sum(std::string_view kind, std::string_view base64_digest, size_t bytes) {
  const uint64_t parts = cut_count(base64_digest);
  auto digest = base64_decode(base64_digest);
  if (!digest || digest->size() != bytes) return "";
  return sum_text(kind, parts, hex(*digest));
}

std::string etag_sum(std::string_view etag, bool sure) {
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return "";
  std::string_view digits = etag.substr(1, etag.size() - 2);
  const uint64_t parts = cut_count(digits);
  if (!are_md5_digits(digits)) return "";
  return sum_text(sure || parts > 0 ? "md5" : "md5?", parts, std::string(digits));
}

bool is_sure(std::string_view sum) { return !sum.empty() && parse(sum).sure; }

bool names_content(std::string_view sum) {
  return starts_with(sum, "md5:") || starts_with(sum, "sha256:");
}

uint64_t parts_of(std::string_view sum) {
  Sum parsed = parse(sum);
  return parsed.in_parts ? cut_count(parsed.text) : 0;
}

Result<bool> file_has_sum(const std::string& path, std::string_view sum, uint64_t part_size,
                          const Cancel* cancel) {
  Sum wanted = parse(sum);
  auto whole = make_checksum(wanted.kind), part = make_checksum(wanted.kind);
  if (!whole) return Error{Code::unsupported, "there is no such checksum: " + printable(sum), ""};
  if (wanted.in_parts) cut_count(wanted.text);
  BATON_ASSIGN(Fd fd, open_file(path, O_RDONLY | O_NOFOLLOW));
  std::vector<char> buffer(1 << 20);
  uint64_t left = part_size;
  auto end_part = [&] {
    whole->update(part->finish());
    left = part_size;
  };
  while (true) {
    if (cancel && cancel->is_set())
      return Error{Code::cancelled, "reading " + path + " was cancelled", ""};
    const size_t most = wanted.in_parts ? std::min<uint64_t>(buffer.size(), left) : buffer.size();
    ssize_t n = ::read(fd.get(), buffer.data(), most);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read " + path);
    if (n == 0) break;
    (wanted.in_parts ? part : whole)->update({buffer.data(), static_cast<size_t>(n)});
    left -= wanted.in_parts ? static_cast<uint64_t>(n) : 0;
    if (wanted.in_parts && left == 0) end_part();
  }
  if (wanted.in_parts && left != part_size) end_part();
  return hex(whole->finish()) == wanted.text;
}

}  // namespace baton
