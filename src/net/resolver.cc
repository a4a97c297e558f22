#include "net/resolver.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "net/dns_query.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kMaxConfig = 1 << 20;
constexpr uint64_t kMaxHosts = 16 << 20;

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  line = line.substr(0, line.find_first_of("#;"));
  for (size_t at = 0; at < line.size();) {
    size_t begin = line.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos) break;
    at = std::min(line.find_first_of(" \t\r", begin), line.size());
    out.emplace_back(line.substr(begin, at - begin));
  }
  return out;
}

bool is_numeric(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

void read_option(const std::string& option, ResolverConfig& config) {
  size_t colon = option.find(':');
  if (colon == std::string::npos) return;
  int value = 0;
  auto [end, error] =
      std::from_chars(option.data() + colon + 1, option.data() + option.size(), value);
  if (error != std::errc() || end != option.data() + option.size() || value < 0) return;
  std::string key = option.substr(0, colon);
  if (key == "ndots") config.ndots = std::min(value, 15);
  if (key == "timeout") config.timeout_ms = std::clamp(value, 1, 30) * 1000;
  if (key == "attempts") config.attempts = std::clamp(value, 1, 5);
}

bool is_localhost(std::string_view host) {
  if (ends_with(host, ".")) host.remove_suffix(1);
  return same_name(host, "localhost") ||
         (host.size() > 10 && same_name(host.substr(host.size() - 10), ".localhost"));
}

Result<std::vector<std::string>> ask(const std::string& host, const ResolverOptions& options,
                                     const Deadline& deadline, const Cancel* cancel) {
  auto text = read_file(options.resolv_conf, kMaxConfig);
  ResolverConfig config = parse_resolv_conf(text.ok() ? *text : "");
  Error last{Code::not_found, "there is no host named " + printable(host),
             "check the name's spelling"};
  for (const std::string& name : names_to_ask(host, config)) {
    auto found = query_servers(name, config, options.dns_port, deadline, cancel);
    if (found.ok() || found.is(Code::cancelled)) return found;
    // A server's failure for one name of the search list must not hide that another one exists, but
    // is told in preference to "no such host".
    if (!found.is(Code::not_found)) last = found.error();
  }
  return last;
}

}  // namespace

ResolverConfig parse_resolv_conf(std::string_view text) {
  ResolverConfig config;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> word = words(line);
    if (word.size() < 2) continue;
    if (word[0] == "nameserver" && config.servers.size() < 3) config.servers.push_back(word[1]);
    if (word[0] == "search" || word[0] == "domain")
      config.search.assign(word.begin() + 1,
                           word.begin() + static_cast<long>(std::min<size_t>(word.size(), 17)));
    if (word[0] == "options")
      for (const std::string& option : word) read_option(option, config);
  }
  if (config.servers.empty()) config.servers = {"127.0.0.1"};
  return config;
}

std::vector<std::string> find_in_hosts(std::string_view text, const std::string& name) {
  std::vector<std::string> found;
  std::string_view bare = name;
  if (ends_with(bare, ".")) bare.remove_suffix(1);
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> word = words(line);
    bool named = std::any_of(word.begin() + (word.empty() ? 0 : 1), word.end(),
                             [&](const std::string& w) { return same_name(w, bare); });
    if (named && is_numeric(word[0])) found.push_back(word[0]);
  }
  return found;
}

std::vector<std::string> names_to_ask(const std::string& host, const ResolverConfig& config) {
  if (ends_with(host, ".")) return {host};
  bool absolute_first = std::count(host.begin(), host.end(), '.') >= config.ndots;
  std::vector<std::string> names;
  if (absolute_first) names.push_back(host);
  for (const std::string& domain : config.search)
    if (domain != ".") names.push_back(host + "." + domain);
  if (!absolute_first) names.push_back(host);
  return names;
}

Result<std::vector<std::string>> resolve(const std::string& host, const ResolverOptions& options,
                                         const Deadline& deadline, const Cancel* cancel) {
  if (is_numeric(host)) return std::vector<std::string>{host};
  auto hosts = read_file(options.hosts_file, kMaxHosts);
  std::vector<std::string> found;
  if (hosts.ok()) found = find_in_hosts(*hosts, host);
  if (found.empty() && is_localhost(host)) found = {"127.0.0.1", "::1"};
  if (found.empty()) {
    BATON_ASSIGN(found, ask(host, options, deadline, cancel));
  }
  std::stable_partition(found.begin(), found.end(),
                        [](const std::string& a) { return a.find(':') == std::string::npos; });
  return found;
}

}  // namespace baton
