#include "net/ca_bundle.h"

// The assembler includes the file that cmake/ca_bundle.cmake has put together.
__asm__(
    ".pushsection .rodata\n"
    ".global baton_ca_bundle_begin\n"
    ".global baton_ca_bundle_end\n"
    "baton_ca_bundle_begin:\n"
    ".incbin \"" BATON_CA_BUNDLE
    "\"\n"
    "baton_ca_bundle_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern const char baton_ca_bundle_begin[];
extern const char baton_ca_bundle_end[];
}

namespace baton {

std::string_view embedded_ca_bundle() {
  return {baton_ca_bundle_begin, static_cast<size_t>(baton_ca_bundle_end - baton_ca_bundle_begin)};
}

}  // namespace baton
