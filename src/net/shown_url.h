// An address as errors and logs may show it.
#pragma once

#include <string>

namespace baton {

// The address without its query, which may be a signature, and without what stands before an '@',
// which may be a password; made printable, and cut at 200 bytes. Takes anything: what is shown is
// often refused just because it is no URL.
std::string shown_url(const std::string& url);

}  // namespace baton
