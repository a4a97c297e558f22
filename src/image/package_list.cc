// Parsers of what apt prints (declared in apt.h).
#include <cstdlib>

#include "base/hash.h"
#include "base/text.h"
#include "image/apt.h"

namespace baton {
namespace {

bool is_left_out(const std::string& field) {
  return field == "Filename" || field == "MD5sum" || field == "SHA1" || field == "SHA512" ||
         field == "Status";
}

void add_line(Package& package, std::string& architecture, bool& skipping,
              const std::string& line) {
  if (line[0] == ' ' || line[0] == '\t') {
    if (!skipping) package.stanza += line + "\n";
    return;
  }
  size_t colon = line.find(':');
  skipping = colon == std::string::npos || is_left_out(line.substr(0, colon));
  if (skipping) return;
  std::string field = line.substr(0, colon), value(trim(std::string_view(line).substr(colon + 1)));
  if (field == "Package") package.name = value;
  if (field == "Version") package.version = value;
  if (field == "Architecture") architecture = value;
  if (field == "SHA256") package.sha256 = value;
  if (field == "Size") package.size = std::strtoull(value.c_str(), nullptr, 10);
  if (field == "Installed-Size")
    package.installed = std::strtoull(value.c_str(), nullptr, 10) << 10;
  package.stanza += line + "\n";
}

}  // namespace

bool is_plain_word(const std::string& text) {
  if (text.empty() || text.size() > 200 || text[0] == '.' || text[0] == '-') return false;
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-~:_") ==
         std::string::npos;
}

bool is_suite_name(const std::string& text) {
  return is_plain_word(text) && text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
}

std::string deb_file_name(const std::string& name, const std::string& version,
                          const std::string& architecture) {
  std::string quoted;
  for (char c : version) quoted += c == ':' ? std::string("%3a") : std::string(1, c);
  return name + "_" + quoted + "_" + architecture + ".deb";
}

std::vector<Package> parse_packages(const std::string& text) {
  std::vector<Package> out;
  Package package;
  std::string architecture;
  bool skipping = false;
  auto finish = [&] {
    bool whole = is_plain_word(package.name) && is_plain_word(package.version) &&
                 is_plain_word(architecture) && is_sha256_hex(package.sha256) && package.size > 0;
    if (whole) {
      package.file = deb_file_name(package.name, package.version, architecture);
      out.push_back(std::move(package));
    }
    package = Package();
    architecture.clear();
    skipping = false;
  };
  for (const auto& line : split(text, '\n')) {
    if (trim(line).empty())
      finish();
    else
      add_line(package, architecture, skipping, line);
  }
  finish();
  return out;
}

PackageVersions parse_simulation(const std::string& text) {
  PackageVersions out;
  for (const auto& line : split(text, '\n')) {
    if (!starts_with(line, "Inst ")) continue;
    auto parts = split(line, ' ');  // Inst NAME (VERSION ORIGIN [ARCH])
    if (parts.size() < 3 || parts[2].size() < 2 || parts[2][0] != '(') continue;
    std::string version = parts[2].substr(1);
    if (ends_with(version, ")")) version.pop_back();
    out[parts[1].substr(0, parts[1].find(':'))] = version;
  }
  return out;
}

}  // namespace baton
