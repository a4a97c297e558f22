// Replies of object stores: any bytes give an element or an error, and what is read is sound.
#include <cstdint>
#include <cstdlib>

#include "base/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto xml = baton::parse_xml({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (xml.ok() && xml->name.empty()) std::abort();
  return 0;
}
