#include "image/package_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/text.h"

namespace baton {
namespace {

// Debian policy 5.6.1. Stricter than apt's own command line, where "name-" removes, "name+" and
// patterns install.
bool is_package_name(const std::string& name) {
  return name.size() >= 2 && std::isalnum(static_cast<unsigned char>(name[0])) &&
         name.back() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") == std::string::npos;
}

std::string join(const std::vector<std::string>& words, size_t limit) {
  std::string out;
  for (size_t i = 0; i < words.size() && i < limit; ++i) out += (i ? ", " : "") + words[i];
  return words.size() > limit ? out + ", …" : out;
}

Error no_such_package(const std::string& name, const std::string& suite,
                      const std::vector<std::string>& names) {
  std::string message = fmt::format("image.packages: there is no package \"{}\" in Debian {}",
                                    printable(name), suite);
  std::string meant = suggest_package(name, names);
  if (!meant.empty()) message += fmt::format("; did you mean \"{}\"?", meant);
  return {Code::invalid, message,
          "packages.debian.org finds packages by name, content and description"};
}

Status check_version(Apt& apt, const std::string& name, const std::string& version) {
  BATON_ASSIGN(std::vector<std::string> versions, apt.versions(name));
  if (std::find(versions.begin(), versions.end(), version) != versions.end()) return {};
  return Error{
      Code::invalid,
      fmt::format("image.packages: there is no version {} of {} in Debian {}, which has {}",
                  printable(version), name, apt.suite(), join(versions, 5)),
      "write the name alone to get the newest one"};
}

}  // namespace

std::string suggest_package(const std::string& written, const std::vector<std::string>& names) {
  std::string word;
  for (char c : written)
    word += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::set<std::string> known(names.begin(), names.end());
  if (known.count(word)) return word;
  if (known.count("python3-" + word)) return "python3-" + word;
  // A slip changes the length little; comparing with all of some 70,000 names would take seconds.
  std::vector<std::string> near;
  for (const auto& name : names)
    if (name.size() <= word.size() + 2 && word.size() <= name.size() + 2) near.push_back(name);
  return did_you_mean(word, near).value_or("");
}

Status check_package_names(Apt& apt, const std::vector<std::string>& requested) {
  if (requested.empty()) return {};
  BATON_ASSIGN(std::vector<std::string> names, apt.names());
  std::sort(names.begin(), names.end());
  for (const auto& word : requested) {
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    bool known = is_package_name(name) && std::binary_search(names.begin(), names.end(), name);
    if (known && equals != std::string::npos)
      BATON_TRY(check_version(apt, name, word.substr(equals + 1)));
    if (known) continue;
    if (!is_package_name(name)) return no_such_package(name, apt.suite(), names);
    BATON_ASSIGN(std::vector<std::string> providers, apt.providers(name));
    if (providers.empty()) return no_such_package(name, apt.suite(), names);
    return Error{
        Code::invalid,
        fmt::format("image.packages: \"{}\" is a virtual package in Debian {}", name, apt.suite()),
        "name one of those that provide it: " + join(providers, 8)};
  }
  return {};
}

}  // namespace baton
