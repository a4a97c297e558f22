#include "net/aws_config.h"

#include <algorithm>

#include "base/text.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxFile = 4 << 20;

std::string variable(const EnvironmentReader& environment, const std::string& name) {
  return environment(name).value_or("");
}

std::string path_of(const EnvironmentReader& environment, const char* name,
                    const std::string& usual) {
  std::string path = variable(environment, name);
  std::string home = variable(environment, "HOME");
  if (path.empty()) return home.empty() ? "" : join_path(home, usual);
  return starts_with(path, "~/") ? join_path(home, path.substr(2)) : path;
}

Result<std::map<std::string, AwsSection>> read_ini(const std::string& path) {
  if (path.empty() || !exists(path)) return std::map<std::string, AwsSection>();
  BATON_ASSIGN(std::string text, read_file(path, kMaxFile));
  return parse_aws_ini(text);
}

// "  " + comment ends a value; a '#' inside of one is part of it.
std::string value_of(std::string_view text) {
  for (const char* mark : {" #", " ;", "\t#", "\t;"}) text = text.substr(0, text.find(mark));
  return std::string(trim(text));
}

}  // namespace

std::map<std::string, AwsSection> parse_aws_ini(std::string_view text) {
  std::map<std::string, AwsSection> sections;
  AwsSection* section = nullptr;
  std::string parent;  // the setting that indented lines belong to
  for (const std::string& line : split(text, '\n')) {
    std::string_view content = trim(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    if (content[0] == '[') {
      std::string_view name = trim(content.substr(1, content.find(']') - 1));
      // "[profile  x]" and "[profile x]" are the same.
      size_t gap = name.find_first_of(" \t");
      std::string heading(name.substr(0, gap));
      if (gap != std::string_view::npos) heading += " " + std::string(trim(name.substr(gap)));
      section = &sections[heading];
      parent.clear();
      continue;
    }
    size_t equals = content.find('=');
    if (!section || equals == std::string_view::npos) continue;
    std::string key(trim(content.substr(0, equals)));
    std::transform(key.begin(), key.end(), key.begin(),
                   [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    std::string value = value_of(content.substr(equals + 1));
    bool nested = (line[0] == ' ' || line[0] == '\t') && !parent.empty();
    if (nested) {
      (*section)[parent + "." + key] = value;
    } else {
      (*section)[key] = value;
      parent = value.empty() ? key : "";
    }
  }
  return sections;
}

std::string AwsProfile::at(const std::string& key) const {
  auto it = settings.find(key);
  return it == settings.end() ? "" : it->second;
}

Result<AwsProfile> load_aws_profile(const EnvironmentReader& environment, const std::string& name) {
  AwsProfile profile;
  profile.name = name.empty() ? variable(environment, "AWS_PROFILE") : name;
  profile.named = !profile.name.empty();
  if (!profile.named) profile.name = "default";
  profile.config_path = path_of(environment, "AWS_CONFIG_FILE", ".aws/config");
  profile.credentials_path =
      path_of(environment, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
  BATON_ASSIGN(auto config, read_ini(profile.config_path));
  BATON_ASSIGN(auto credentials, read_ini(profile.credentials_path));
  auto take = [&profile](const std::map<std::string, AwsSection>& from, const std::string& heading,
                         bool counts) {
    auto it = from.find(heading);
    if (it == from.end()) return;
    profile.found = profile.found || counts;
    for (const auto& [key, value] : it->second) profile.settings[key] = value;
  };
  if (profile.name == "default") take(config, "default", true);
  take(config, "profile " + profile.name, true);
  std::string services = profile.at("services");
  if (!services.empty()) take(config, "services " + services, false);
  take(credentials, profile.name, true);
  return profile;
}

}  // namespace baton
