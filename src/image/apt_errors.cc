#include "image/apt_errors.h"

#include <array>
#include <vector>

#include "base/text.h"

namespace baton {
namespace {

struct Meaning {
  const char* words;
  Code code;
  const char* what;
  const char* hint;
};

constexpr const char* kMakeRoom =
    "free some space where BATON_HOME is (baton image rm --unused, baton doctor)";
constexpr const char* kCheckNetwork = "check the network, then run the command again";

// The first match wins; a full disk makes everything else go wrong, so it stands first.
constexpr std::array kMeanings = {
    Meaning{"No space left on device", Code::no_space, "the disk is full", kMakeRoom},
    Meaning{"You don't have enough free space", Code::no_space, "the disk is full", kMakeRoom},
    Meaning{"Disk quota exceeded", Code::no_space, "the disk quota is used up", kMakeRoom},
    Meaning{"NO_PUBKEY", Code::permanent,
            "the keyring on this machine does not have the key that signs this suite",
            "install the newest debian-archive-keyring: apt-get install debian-archive-keyring"},
    Meaning{"is not signed", Code::permanent,
            "the mirror's package lists are not signed as they should be",
            "check the mirror in /etc/apt, or install the newest debian-archive-keyring"},
    Meaning{"Release file for", Code::permanent,
            "the mirror's package lists are out of date, or this machine's clock is wrong",
            "check the date, or take another mirror (BATON_DEBIAN_MIRROR)"},
    Meaning{"does not have a Release file", Code::invalid, "the mirror has no such suite",
            "check the name after image.debian; an old suite needs an archive mirror "
            "(BATON_DEBIAN_MIRROR)"},
    Meaning{"Hash Sum mismatch", Code::transient,
            "the mirror was being updated, or a proxy changed what it sent",
            "try again in some minutes"},
    Meaning{"Could not resolve", Code::transient, "the mirror's name could not be looked up",
            kCheckNetwork},
    Meaning{"Temporary failure resolving", Code::transient,
            "the mirror's name could not be looked up", kCheckNetwork},
    Meaning{"Could not connect", Code::transient, "the mirror did not answer", kCheckNetwork},
    Meaning{"Unable to connect", Code::transient, "the mirror did not answer", kCheckNetwork},
    Meaning{"Connection timed out", Code::transient, "the mirror did not answer", kCheckNetwork},
    Meaning{"Connection failed", Code::transient, "the connection to the mirror broke",
            kCheckNetwork},
    Meaning{"Network is unreachable", Code::transient, "there is no network", kCheckNetwork},
    Meaning{"404  Not Found", Code::transient,
            "the mirror no longer has a file that its own list names",
            "run the command again: the lists are fetched anew"},
    Meaning{"Failed to fetch", Code::transient, "something could not be fetched from the mirror",
            kCheckNetwork},
};

// mmdebstrap ends with wrappers around the cause ("E: mmdebstrap failed to run", "… failed: E: …").
bool says_what_went_wrong(std::string_view line) {
  if (starts_with(line, "E: mmdebstrap") || line.find("failed: E:") != line.npos) return false;
  for (const char* start :
       {"E: ", "dpkg: error", "dpkg-deb: error", "tar: ", "W: Failed", "W: GPG"})
    if (starts_with(line, start)) return true;
  return false;
}

// The last lines that name a cause, or else just the last lines.
std::string cause(std::string_view said) {
  std::vector<std::string> telling, last;
  for (const auto& line : split(said, '\n')) {
    if (trim(line).empty()) continue;
    auto keep = [&](std::vector<std::string>& lines) {
      lines.push_back(printable(std::string_view(line).substr(0, 200)));
      if (lines.size() > 4) lines.erase(lines.begin());
    };
    keep(last);
    if (says_what_went_wrong(line)) keep(telling);
  }
  std::string out;
  for (const auto& line : telling.empty() ? last : telling) out += "    " + line + "\n  ";
  return out;
}

}  // namespace

bool is_network_trouble(std::string_view said) {
  for (const auto& meaning : kMeanings)
    if (said.find(meaning.words) != said.npos) return meaning.code == Code::transient;
  return false;
}

Error explain_tool(const std::string& doing, std::string_view said, const std::string& log) {
  std::string tail = "it said:\n  " + cause(said) + "all of it is in " + log;
  for (const auto& meaning : kMeanings)
    if (said.find(meaning.words) != said.npos)
      return Error{meaning.code, doing + " failed: " + meaning.what,
                   std::string(meaning.hint) + "\n  " + tail};
  return Error{Code::permanent, doing + " failed", tail};
}

}  // namespace baton
