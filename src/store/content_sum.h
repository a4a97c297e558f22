// What services know of an object's content beside its CRC-32C, in one form for all:
//
//   md5:<hex>, sha256:<hex>   of the whole content
//   sha1:, crc32:, crc64nvme: of the whole content; find damage, but are no names for a content
//   md5?:<hex>                perhaps: an ETag that looks like an MD5, of a service that is not S3
//   <kind>-parts:<hex>-<n>    of the n checksums, in a row, of the parts in which the object was
//                             uploaded, all of one size but the last: as far as that can be known
//   ""                        nothing
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace baton {

// "kind:<hex>" of a digest in base64, or "kind-parts:<hex>-<n>" where "-<n>" follows it; "" for
// what is not one of `bytes` bytes.
std::string told_sum(std::string_view kind, std::string_view base64_digest, size_t bytes);
inline std::string told_md5(std::string_view digest) { return told_sum("md5", digest, 16); }
inline std::string told_sha1(std::string_view digest) { return told_sum("sha1", digest, 20); }
inline std::string told_sha256(std::string_view digest) { return told_sum("sha256", digest, 32); }
inline std::string told_crc32(std::string_view digest) { return told_sum("crc32", digest, 4); }
inline std::string told_crc32c(std::string_view digest) { return told_sum("crc32c", digest, 4); }
inline std::string told_crc64(std::string_view digest) { return told_sum("crc64nvme", digest, 8); }

// Of an S3 object's ETag: `sure` when it comes from S3 itself.
std::string etag_sum(std::string_view etag, bool sure);

// True unless it may be no sum of the content at all.
bool is_sure(std::string_view sum);
// Whether two contents with this sum are the same one.
bool names_content(std::string_view sum);
// How many parts it was made of; 0 for one of the whole content.
uint64_t parts_of(std::string_view sum);

// Whether the file has that sum, which is not "". `part_size` in bytes, greater than 0, for one
// that was made of parts. Code::unsupported for a kind that is not listed above, Code::cancelled
// once `cancel` is set: a large file takes minutes.
Result<bool> file_has_sum(const std::string& path, std::string_view sum, uint64_t part_size,
                          const Cancel* cancel = nullptr);

}  // namespace baton
