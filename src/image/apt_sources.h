// Apt sources: reads the machine's own, and derives those of another Debian suite from them.
//
// Formats: sources.list(5), both one-line (.list) and deb822 (.sources). The files belong to the
// machine's administrator, yet odd lines are skipped and never fatal: a third-party source that we
// do not understand must not keep Debian's own from being found.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baton {

struct AptSource {
  std::string uri;                      // without final slash
  std::string suite;                    // "bookworm-security"
  std::vector<std::string> components;  // never empty: flat repositories are skipped
  std::string signed_by;  // keyring path, or an ASCII-armoured key block; "": apt's trusted keys
  bool trusted = false;   // the administrator switched signature checks off for it
};

// Binary sources only; disabled ones, flat repositories and CD-ROMs are left out.
std::vector<AptSource> parse_one_line_sources(std::string_view text);
std::vector<AptSource> parse_deb822_sources(std::string_view text);

// All sources under `etc_apt` ("/etc/apt"), in apt's order. Unreadable files are skipped.
std::vector<AptSource> read_apt_sources(const std::string& etc_apt);

// Sources of Debian `suite`, derived from the machine's: its Debian mirror and components, with
// -updates and -security where the machine has them. `codename`: the machine's own suite, may be
// "". `mirror`: "", "URL" or "URL SECURITY_URL", used in place of the machine's. Code::unsupported
// when the machine has no Debian source and `mirror` is "".
Result<std::vector<AptSource>> debian_sources(const std::vector<AptSource>& machine,
                                              const std::string& codename, const std::string& suite,
                                              const std::string& mirror);

// As a deb822 file.
std::string sources_text(const std::vector<AptSource>& sources);

}  // namespace baton
