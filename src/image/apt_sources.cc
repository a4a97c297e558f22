#include "image/apt_sources.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr char kDebianKeyring[] = "/usr/share/keyrings/debian-archive-keyring.gpg";

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) {
      if (!word.empty()) out.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_yes(std::string_view text) {
  std::string value = lower(trim(text));
  return value == "yes" || value == "true" || value == "1" || value == "on" || value == "enable" ||
         value == "with";
}

// A source that can be derived from: a real archive (not a flat directory or a disc) with plain
// names.
bool usable(const AptSource& source) {
  auto plain = [](const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  };
  if (!plain(source.uri) || !plain(source.suite) || source.components.empty()) return false;
  if (source.suite.back() == '/' || starts_with(source.uri, "cdrom:")) return false;
  return source.uri.find(":/") != std::string::npos &&
         std::all_of(source.components.begin(), source.components.end(), plain);
}

void add(std::vector<AptSource>& out, AptSource source) {
  while (ends_with(source.uri, "/") && !ends_with(source.uri, ":/")) source.uri.pop_back();
  if (usable(source)) out.push_back(std::move(source));
}

using Stanza =
    std::map<std::string, std::string>;  // lower-case field → value, lines joined by '\n'

std::vector<Stanza> stanzas(std::string_view text) {
  std::vector<Stanza> out(1);
  std::string field;
  for (const auto& line : split(text, '\n')) {
    if (!line.empty() && line[0] == '#') continue;
    if (trim(line).empty()) {
      if (!out.back().empty()) out.emplace_back();
      field.clear();
    } else if (line[0] == ' ' || line[0] == '\t') {
      if (!field.empty()) out.back()[field] += "\n" + std::string(trim(line));
    } else if (size_t colon = line.find(':'); colon != std::string::npos) {
      field = lower(trim(std::string_view(line).substr(0, colon)));
      out.back()[field] = trim(std::string_view(line).substr(colon + 1));
    }
  }
  return out;
}

std::string field(const Stanza& stanza, const std::string& name) {
  auto found = stanza.find(name);
  return found == stanza.end() ? "" : found->second;
}

bool is_security(const AptSource& source) {
  return ends_with(source.suite, "-security") || ends_with(source.suite, "/updates");
}
bool is_updates(const AptSource& source) { return ends_with(source.suite, "-updates"); }

// How surely a source is Debian's own archive; 0: not at all. Third-party archives also use
// Debian's suite names ("bookworm main", "stable main"), so the name alone is the weakest sign.
int debian_score(const AptSource& source, const std::string& codename) {
  bool has_main = std::find(source.components.begin(), source.components.end(), "main") !=
                  source.components.end();
  if (!has_main || ends_with(source.suite, "-backports") ||
      ends_with(source.suite, "-backports-sloppy"))
    return 0;
  int score = 0;
  std::string host = source.uri.substr(source.uri.find(":/") + 2);
  while (starts_with(host, "/")) host.erase(0, 1);
  host = host.substr(0, host.find('/'));
  if (source.signed_by.find("debian-archive") != std::string::npos) score += 8;
  if (host == "debian.org" || ends_with(host, ".debian.org")) score += 4;
  if (ends_with(source.uri, "/debian") || ends_with(source.uri, "/debian-security")) score += 2;
  std::string base = source.suite.substr(0, source.suite.find_first_of("-/"));
  bool foreign_key = !source.signed_by.empty() && score < 8;
  if (!codename.empty() && base == codename && (score > 0 || !foreign_key)) score += 1;
  return score;
}

template <class Want>
const AptSource* best(const std::vector<AptSource>& machine, const std::string& codename,
                      Want want) {
  const AptSource* found = nullptr;
  int found_score = 0;
  for (const auto& source : machine) {
    int score = want(source) ? debian_score(source, codename) : 0;
    if (score > found_score) found = &source, found_score = score;
  }
  return found;
}

// A key file of one release does not know the next release; the complete keyring does.
std::string keyring_for(const AptSource& source) {
  bool per_release = source.signed_by.find("debian-archive-") != std::string::npos;
  if ((per_release || source.signed_by.empty()) && exists(kDebianKeyring)) return kDebianKeyring;
  return source.signed_by;
}

}  // namespace

std::vector<AptSource> parse_one_line_sources(std::string_view text) {
  std::vector<AptSource> out;
  for (const auto& whole : split(text, '\n')) {
    std::string line = whole.substr(0, whole.find('#'));
    AptSource source;
    std::string rest(trim(line));
    if (!starts_with(rest, "deb ") && !starts_with(rest, "deb\t")) continue;
    rest = trim(std::string_view(rest).substr(3));
    if (starts_with(rest, "[")) {
      size_t end = rest.find(']');
      if (end == std::string::npos) continue;
      for (const auto& option : words(std::string_view(rest).substr(1, end - 1))) {
        size_t equals = option.find('=');
        if (equals == std::string::npos) continue;
        std::string key = lower(option.substr(0, equals)), value = option.substr(equals + 1);
        if (key == "signed-by") source.signed_by = value.substr(0, value.find(','));
        if (key == "trusted") source.trusted = is_yes(value);
      }
      rest = trim(std::string_view(rest).substr(end + 1));
    }
    auto parts = words(rest);
    if (parts.size() < 3) continue;
    source.uri = parts[0];
    source.suite = parts[1];
    source.components.assign(parts.begin() + 2, parts.end());
    add(out, std::move(source));
  }
  return out;
}

std::vector<AptSource> parse_deb822_sources(std::string_view text) {
  std::vector<AptSource> out;
  for (const auto& stanza : stanzas(text)) {
    auto types = words(field(stanza, "types"));
    if (std::find(types.begin(), types.end(), "deb") == types.end()) continue;
    if (stanza.count("enabled") && !is_yes(field(stanza, "enabled"))) continue;
    AptSource source;
    source.components = words(field(stanza, "components"));
    source.trusted = is_yes(field(stanza, "trusted"));
    std::string key = field(stanza, "signed-by");
    bool inline_key = key.find("-----BEGIN") != std::string::npos;
    auto paths = words(key);
    source.signed_by = inline_key ? std::string(trim(key)) : paths.empty() ? "" : paths[0];
    for (const auto& uri : words(field(stanza, "uris")))
      for (const auto& suite : words(field(stanza, "suites"))) {
        source.uri = uri;
        source.suite = suite;
        add(out, source);
      }
  }
  return out;
}

std::vector<AptSource> read_apt_sources(const std::string& etc_apt) {
  std::vector<AptSource> out;
  auto read = [&](const std::string& path, auto parse) {
    auto text = read_file(path, 1 << 20);
    if (!text.ok()) return;
    for (auto& source : parse(*text)) out.push_back(std::move(source));
  };
  read(join_path(etc_apt, "sources.list"), parse_one_line_sources);
  std::string parts = join_path(etc_apt, "sources.list.d");
  auto names = list_dir(parts);
  if (!names.ok()) return out;
  for (const auto& name : *names) {
    if (ends_with(name, ".list")) read(join_path(parts, name), parse_one_line_sources);
    if (ends_with(name, ".sources")) read(join_path(parts, name), parse_deb822_sources);
  }
  return out;
}

Result<std::vector<AptSource>> debian_sources(const std::vector<AptSource>& machine,
                                              const std::string& codename, const std::string& suite,
                                              const std::string& mirror) {
  auto is_main = [](const AptSource& s) { return !is_security(s) && !is_updates(s); };
  const AptSource* main = best(machine, codename, is_main);
  auto urls = words(mirror);
  if (!main && urls.empty())
    return Error{Code::unsupported, "this machine's apt sources name no Debian mirror",
                 "set BATON_DEBIAN_MIRROR to the address of one, such as the one nearest to you in "
                 "Debian's list of mirrors"};
  AptSource base = main ? *main : AptSource{"", "", {"main"}, "", false};
  base.signed_by = keyring_for(base);
  base.suite = suite;
  if (!urls.empty()) base.uri = urls[0];
  // apt's file: leaves packages where they are and copy: fetches them, which is what the cache
  // needs.
  if (starts_with(base.uri, "file:")) base.uri = "copy:" + base.uri.substr(5);
  std::vector<AptSource> out{base};
  // Unstable has neither updates nor security suites: fixes go straight into it.
  if (suite == "sid" || suite == "unstable" || suite == "experimental") return out;
  if (best(machine, codename, is_updates) || !urls.empty()) {
    out.push_back(base);
    out.back().suite = suite + "-updates";
  }
  const AptSource* security = best(machine, codename, is_security);
  if (urls.size() > 1 || (security && urls.empty())) {
    AptSource fixes = security ? *security : base;
    if (urls.size() > 1) fixes.uri = urls[1];
    if (starts_with(fixes.uri, "file:")) fixes.uri = "copy:" + fixes.uri.substr(5);
    fixes.signed_by = keyring_for(fixes);
    fixes.suite = suite + "-security";
    out.push_back(std::move(fixes));
  }
  return out;
}

std::string sources_text(const std::vector<AptSource>& sources) {
  std::string out;
  for (const auto& source : sources) {
    out += fmt::format("Types: deb\nURIs: {}\nSuites: {}\nComponents:", source.uri, source.suite);
    for (const auto& component : source.components) out += " " + component;
    out += "\n";
    if (source.trusted) out += "Trusted: yes\n";
    if (!source.signed_by.empty()) {
      // Lines of a key block are indented, and its empty line is written as a dot.
      std::string key;
      for (const auto& line : split(source.signed_by, '\n'))
        key += (key.empty() ? "" : "\n ") +
               (trim(line).empty() ? std::string(".") : std::string(trim(line)));
      bool block = source.signed_by.find('\n') != std::string::npos;
      out += fmt::format("Signed-By:{}{}\n", block ? "\n " : " ", key);
    }
    out += "\n";
  }
  return out;
}

}  // namespace baton
