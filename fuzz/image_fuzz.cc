// Whatever apt sources, package lists and image records hold, reading them neither crashes nor
// gives names that could leave a directory or be taken for an option.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/apt.h"
#include "image/apt_errors.h"
#include "image/apt_sources.h"
#include "image/debian_image.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_safe(const std::string& text) {
  return !text.empty() && text[0] != '-' && text[0] != '.' &&
         text.find_first_of("/ \n") == std::string::npos;
}

void fuzz_sources(const std::string& text) {
  auto sources = baton::parse_one_line_sources(text);
  for (auto& source : baton::parse_deb822_sources(text)) sources.push_back(std::move(source));
  auto derived = baton::debian_sources(sources, "bookworm", "trixie", "");
  if (!derived.ok()) return;
  // What is written is read back as the same sources: nothing in them ends a field or a stanza.
  auto again = baton::parse_deb822_sources(baton::sources_text(*derived));
  check(again.size() == derived->size());
  for (size_t i = 0; i < again.size(); ++i) check(again[i].suite == (*derived)[i].suite);
}

void fuzz_record(const std::string& text) {
  auto json = baton::parse_json(text, "record");
  if (!json.ok()) return;
  auto record = baton::parse_debian_record(*json);
  if (!record.ok()) return;
  check(is_safe(record->suite));
  for (const auto& [name, version] : record->packages) check(is_safe(name) && is_safe(version));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  fuzz_sources(text);
  fuzz_record(text);
  for (const auto& package : baton::parse_packages(text))
    check(is_safe(package.name) && is_safe(package.file));
  baton::parse_simulation(text);
  baton::parse_dpkg_status(text);
  baton::explain_tool("reading", text, "log");
  return 0;
}
