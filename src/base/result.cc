#include "base/result.h"

namespace baton {

const char* code_name(Code code) {
  switch (code) {
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::exists:
      return "exists";
    case Code::fenced:
      return "fenced";
    case Code::transient:
      return "transient";
    case Code::permanent:
      return "permanent";
    case Code::no_space:
      return "no_space";
    case Code::denied:
      return "denied";
    case Code::unsupported:
      return "unsupported";
    case Code::corrupt:
      return "corrupt";
    case Code::too_new:
      return "too_new";
    case Code::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string Error::text() const { return hint.empty() ? message : message + "\n  " + hint; }

Error Error::within(const std::string& context) const {
  return Error{code, context + ": " + message, hint};
}

}  // namespace baton
