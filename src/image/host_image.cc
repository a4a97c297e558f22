#include "image/host_image.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "image/apt.h"
#include "image/image_cache.h"
#include "os/files.h"

namespace baton {
namespace {

Json host_record(const std::string& os_release) {
  utsname name{};
  uname(&name);
  return {{"form", "host"},
          {"os", os_release_field(os_release, "ID")},
          {"version", os_release_field(os_release, "VERSION_ID")},
          {"kernel", name.release},
          {"architecture", debian_architecture()}};
}

std::string describe(const Json& record) {
  return fmt::format("{} {} ({})", printable(get_string(record, "os", "an unknown system")),
                     printable(get_string(record, "version")),
                     printable(get_string(record, "architecture")));
}

}  // namespace

std::string os_release_field(const std::string& os_release, const std::string& field) {
  auto text = read_file(os_release, 64 << 10);
  if (!text.ok()) return "";
  for (const auto& line : split(*text, '\n')) {
    if (!starts_with(line, field + "=")) continue;
    std::string value(trim(std::string_view(line).substr(field.size() + 1)));
    bool quoted =
        value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0];
    return quoted ? value.substr(1, value.size() - 2) : value;
  }
  return "";
}

Image host_image(const std::string& os_release) {
  Json record = host_record(os_release);
  return Image{record_id(record), record, {}, true};
}

Result<Image> host_image_from_record(const Json& record, const std::string& os_release) {
  Json here = host_record(os_release);
  // Another kernel is what moving to another machine usually brings; it is recorded, not required.
  for (const char* key : {"os", "version", "architecture"})
    if (get_string(record, key) != get_string(here, key))
      return Error{Code::unsupported,
                   fmt::format("the job uses its machine's own system, {}, and this machine has {}",
                               describe(record), describe(here)),
                   "run it on a machine like the first one, or use an image of the form debian, "
                   "which is the same everywhere"};
  return Image{record_id(record), record, {}, true};
}

}  // namespace baton
