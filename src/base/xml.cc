#include "base/xml.h"

#include <cstdlib>

#include "base/text.h"

namespace baton {
namespace {

constexpr int kMaxDepth = 32;

bool space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void append_utf8(std::string& out, uint32_t code) {
  auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 63));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 63));
    add(0x80 | (code & 63));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 63));
    add(0x80 | (code >> 6 & 63));
    add(0x80 | (code & 63));
  }
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& what) : rest_(text), what_(what) {}

  Result<Xml> document() {
    if (starts_with(rest_, "\xEF\xBB\xBF")) rest_.remove_prefix(3);
    BATON_TRY(skip_misc());
    Xml root;
    BATON_TRY(element(root, 0));
    BATON_TRY(skip_misc());
    if (!rest_.empty()) return bad("there is something after its end");
    return root;
  }

 private:
  Error bad(const char* why) const {
    return {Code::transient, what_ + " is not well-formed XML: " + why, ""};
  }

  // Drops everything up to and with `end`.
  bool skip_past(std::string_view end) {
    size_t at = rest_.find(end);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + end.size());
    return true;
  }

  // White space, comments, the XML declaration.
  Status skip_misc() {
    while (true) {
      while (!rest_.empty() && space(rest_[0])) rest_.remove_prefix(1);
      bool found = true;
      if (starts_with(rest_, "<?")) {
        found = skip_past("?>");
      } else if (starts_with(rest_, "<!--")) {
        found = skip_past("-->");
      } else {
        return {};
      }
      if (!found) return bad("it is cut off");
    }
  }

  // The tag's name; rest_ stands behind it.
  std::string name() {
    size_t end = 0;
    while (end < rest_.size() && !space(rest_[end]) && rest_[end] != '>' && rest_[end] != '/')
      ++end;
    std::string_view full = rest_.substr(0, end);
    rest_.remove_prefix(end);
    size_t colon = full.rfind(':');
    return std::string(colon == std::string_view::npos ? full : full.substr(colon + 1));
  }

  // Attributes up to '>' or "/>"; `closed` tells which.
  Status attributes(Xml& to, bool& closed) {
    char quote = 0;
    size_t begin = 0;  // of the attribute, or of its value
    for (size_t i = 0; i < rest_.size(); ++i) {
      char c = rest_[i];
      std::string_view piece = rest_.substr(begin, i - begin);
      if (quote) {
        if (c != quote) continue;
        to.attributes.back().second = piece;
        quote = 0;
        begin = i + 1;
      } else if (c == '"' || c == '\'') {
        to.attributes.emplace_back(trim(piece.substr(0, piece.rfind('='))), "");
        quote = c;
        begin = i + 1;
      } else if (c == '>') {
        closed = i > 0 && rest_[i - 1] == '/';
        rest_.remove_prefix(i + 1);
        return {};
      }
    }
    return bad("a tag is cut off");
  }

  Status element(Xml& to, int depth) {
    if (depth > kMaxDepth) return bad("it is nested too deeply");
    if (!starts_with(rest_, "<") || starts_with(rest_, "<!")) return bad("an element is missing");
    rest_.remove_prefix(1);
    to.name = name();
    if (to.name.empty()) return bad("a tag has no name");
    bool closed = false;
    BATON_TRY(attributes(to, closed));
    if (!closed) BATON_TRY(content(to, depth));
    return {};
  }

  Status content(Xml& to, int depth) {
    while (true) {
      size_t end = rest_.find('<');
      if (end == std::string_view::npos) return bad("it is cut off");
      BATON_TRY(decode(rest_.substr(0, end), to.text));
      rest_.remove_prefix(end);
      if (starts_with(rest_, "</")) {
        rest_.remove_prefix(2);
        if (name() != to.name) return bad("its tags do not match");
        return skip_past(">") ? Status() : bad("it is cut off");
      }
      if (starts_with(rest_, "<!--")) {
        if (!skip_past("-->")) return bad("it is cut off");
      } else if (starts_with(rest_, "<![CDATA[")) {
        rest_.remove_prefix(9);
        size_t close = rest_.find("]]>");
        if (close == std::string_view::npos) return bad("it is cut off");
        to.text += rest_.substr(0, close);
        rest_.remove_prefix(close + 3);
      } else {
        to.children.emplace_back();
        BATON_TRY(element(to.children.back(), depth + 1));
      }
    }
  }

  Status decode(std::string_view text, std::string& out) const {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '&') {
        out += text[i];
        continue;
      }
      size_t end = text.find(';', i);
      if (end == std::string_view::npos || end - i > 10) return bad("an entity does not end");
      std::string entity(text.substr(i + 1, end - i - 1));
      i = end;
      if (entity == "amp") {
        out += '&';
      } else if (entity == "lt") {
        out += '<';
      } else if (entity == "gt") {
        out += '>';
      } else if (entity == "quot") {
        out += '"';
      } else if (entity == "apos") {
        out += '\'';
      } else if (entity.size() > 1 && entity[0] == '#') {
        bool sixteen = entity[1] == 'x';
        char* stop = nullptr;
        unsigned long code =
            std::strtoul(entity.c_str() + (sixteen ? 2 : 1), &stop, sixteen ? 16 : 10);
        if (*stop != '\0' || code == 0 || code > 0x10ffff) return bad("an entity is unknown");
        append_utf8(out, static_cast<uint32_t>(code));
      } else {
        return bad("an entity is unknown");
      }
    }
    return {};
  }

  std::string_view rest_;
  const std::string& what_;
};

}  // namespace

const Xml* Xml::child(std::string_view wanted) const {
  for (const Xml& candidate : children)
    if (candidate.name == wanted) return &candidate;
  return nullptr;
}

std::string Xml::at(std::string_view path) const {
  const Xml* here = this;
  for (const std::string& part : split(path, '/')) {
    here = here->child(part);
    if (!here) return "";
  }
  return std::string(trim(here->text));
}

std::string Xml::attribute(std::string_view wanted) const {
  for (const auto& [key, value] : attributes)
    if (key == wanted) return value;
  return "";
}

Result<Xml> parse_xml(std::string_view text, const std::string& what) {
  return Parser(text, what).document();
}

std::string xml_escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace baton
