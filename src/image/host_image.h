// The `host` form: the machine's own root filesystem.
#pragma once

#include <string>

#include "image/image.h"

namespace baton {

// Costs well under a millisecond. `os_release`: path, os-release(5).
Image host_image(const std::string& os_release);
// The same for a job made elsewhere: Code::unsupported when this machine's system, version or
// architecture is another one. The record stays as it is.
Result<Image> host_image_from_record(const Json& record, const std::string& os_release);

// A field of os-release(5) ("VERSION_CODENAME"), unquoted; "" where absent.
std::string os_release_field(const std::string& os_release, const std::string& field);

}  // namespace baton
