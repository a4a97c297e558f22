// The trusted roots inside the binary, for images that have none.
#pragma once

#include <string_view>

namespace baton {

// Mozilla's roots as Debian's package ca-certificates ships them on the machine that builds, in PEM
// form. Not compressed: zstd would save 0.1 MiB of the binary.
std::string_view embedded_ca_bundle();

}  // namespace baton
