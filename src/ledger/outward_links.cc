#include "ledger/outward_links.h"

#include <deque>

#include "base/text.h"

namespace baton {
namespace {

constexpr int kMostFollowed = 40;

// Follows one link from the directory it stands in.
bool leads_out(const std::map<std::string, std::string>& links, const std::string& link) {
  std::string at = link;  // no link is on the way to it: a link has nothing below it
  std::deque<std::string> ahead;
  auto leave = [&at] { at.resize(at.find('/') == std::string::npos ? 0 : at.rfind('/')); };
  int followed = 0;
  auto target = links.find(link);
  while (true) {
    if (target != links.end()) {
      if (starts_with(target->second, "/") || ++followed > kMostFollowed) return true;
      leave();  // the target counts from the directory that the link is in
      auto parts = split(target->second, '/');
      ahead.insert(ahead.begin(), parts.begin(), parts.end());
    }
    if (ahead.empty()) return false;
    const std::string part = std::move(ahead.front());
    ahead.pop_front();
    target = links.end();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (at.empty()) return true;
      leave();
      continue;
    }
    at += (at.empty() ? "" : "/") + part;
    target = links.find(at);
  }
}

}  // namespace

std::set<std::string> outward_links(const std::map<std::string, std::string>& links) {
  std::set<std::string> outward;
  for (const auto& [path, target] : links)
    if (leads_out(links, path)) outward.insert(path);
  return outward;
}

std::string outside_text(const std::string& path) {
  return printable(path) + " is a symlink that points outside the results and was left out";
}

}  // namespace baton
