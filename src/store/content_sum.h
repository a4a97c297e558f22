// What services know of an object's content beside its CRC-32C, in one form for all:
//
//   md5:<hex>, sha256:<hex>   of the whole content
//   crc64nvme:<hex>           of the whole content; finds damage, but is no name for a content
//   md5?:<hex>                perhaps: an ETag that looks like an MD5, of a service that is not S3
//   ""                        nothing
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace baton {

// "kind:<hex>" of a digest in base64; "" for what is not one of `bytes` bytes.
std::string told_sum(std::string_view kind, std::string_view base64_digest, size_t bytes);
inline std::string told_md5(std::string_view digest) { return told_sum("md5", digest, 16); }
inline std::string told_sha256(std::string_view digest) { return told_sum("sha256", digest, 32); }
inline std::string told_crc64(std::string_view digest) { return told_sum("crc64nvme", digest, 8); }

// Of an S3 object's ETag: `sure` when it comes from S3 itself.
std::string etag_sum(std::string_view etag, bool sure);

// True unless it may be no sum at all.
bool is_sure(std::string_view sum);
// Whether two contents with this sum are the same one.
bool names_content(std::string_view sum);

// Whether the file has that sum, which is not "".
Result<bool> file_has_sum(const std::string& path, std::string_view sum);

}  // namespace baton
