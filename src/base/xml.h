// Reads the plain XML in which object stores and AWS answer, and writes text into it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace baton {

// An element: text of its own (entities decoded, white space as it stands) and elements within, in
// document order.
struct Xml {
  std::string name;  // without namespace prefix
  std::string text;
  std::vector<std::pair<std::string, std::string>> attributes;  // as they stand
  std::vector<Xml> children;

  // The first child of that name; null when there is none.
  const Xml* child(std::string_view wanted) const;
  // The text at a path of names ("Error/Code" from the document's root: "Code"), without white
  // space around it; "" when absent.
  std::string at(std::string_view path) const;
  // "" when absent.
  std::string attribute(std::string_view wanted) const;
};

// Parses hostile text: depth and size are limited, document types are refused (so no entity is
// ever expanded but the five of XML itself and numeric ones).
// `what` names the source in the error, which is Code::transient: a reply cut off or garbled.
Result<Xml> parse_xml(std::string_view text, const std::string& what);

// `text` as it stands between tags; in HTML, too. Not for attributes: quotes stay.
std::string xml_escape(std::string_view text);

}  // namespace baton
