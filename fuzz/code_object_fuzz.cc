// Code objects: restoring one made of any bytes gives a tree or an error, never more.
#include <cstdint>

#include "ledger/code_object.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto header = baton::parse_code_header(bytes.substr(0, baton::kCodeHeaderLimit), "input");
  if (!header.ok()) return 0;
  if (header->header_bytes > size || header->header_bytes > baton::kCodeHeaderLimit)
    __builtin_trap();
  std::string_view manifest = bytes.substr(header->header_bytes).substr(0, header->manifest_bytes);
  auto decoded = baton::decode_code_manifest(manifest, baton::sha256_hex(manifest), "input");
  if (decoded.ok() && (decoded->trees.size() != 1 || !decoded->job.empty())) __builtin_trap();
  return 0;
}
