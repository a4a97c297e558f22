#include "model/spec_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace baton {
namespace {

constexpr size_t kMaxErrors = 10;
constexpr size_t kMaxEntries = 1000;

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

// "12000" ms → "12s": whole units only, as a user would write it.
std::string duration_text(int64_t ms) {
  static const std::pair<int64_t, const char*> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}};
  for (const auto& [unit, name] : kUnits)
    if (ms != 0 && ms % unit == 0) return fmt::format("{}{}", ms / unit, name);
  return fmt::format("{}ms", ms);
}

// Whether the byte continues a character in UTF-8.
bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "empty";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
  }
  return "\"" + shortened(node.text) + "\"";
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
  auto near = did_you_mean(word, candidates);
  return near ? fmt::format("; did you mean \"{}\"?", printable(*near)) : "";
}

SpecReader::SpecReader(std::string file, std::vector<std::string> overrides,
                       std::string_view source, std::string whole)
    : file_(std::move(file)),
      source_(source),
      overrides_(std::move(overrides)),
      whole_(std::move(whole)) {}

Place SpecReader::find(const Place& value, const std::string& reference) const {
  if (value.line <= 0 || value.override_index >= 0 || reference.empty()) return value;
  size_t begin = 0;
  for (int line = 1; line < value.line && begin != std::string_view::npos; ++line) {
    begin = source_.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  for (int column = 1; begin < source_.size() && column < value.column; ++begin)
    if (begin + 1 >= source_.size() || !is_continuation(source_[begin + 1])) ++column;
  if (begin >= source_.size()) return value;
  size_t at = source_.find(reference, begin);
  while (at != std::string_view::npos && at > 0 && source_[at - 1] == '$')
    at = source_.find(reference, at + 1);  // $${…} is no reference
  if (at == std::string_view::npos) return value;
  Place place{1, 1, -1};
  for (size_t i = 0; i < at; ++i) {
    if (source_[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if (!is_continuation(source_[i])) {
      ++place.column;
    }
  }
  return place;
}

std::string SpecReader::where(const Place& place) const {
  if (place.override_index >= 0)
    return printable(overrides_[static_cast<size_t>(place.override_index)]);
  if (place.line <= 0) return file_;
  return fmt::format("{}:{}:{}", file_, place.line, place.column);
}

void SpecReader::fail(const Place& place, const std::string& message) {
  errors_.push_back(where(place) + ": " + message);
}

void SpecReader::expected(const YamlNode& node, const std::string& path, const std::string& what) {
  fail(node.place, fmt::format("{} is {}, expected {}", path, describe(node), what));
}

Error SpecReader::error(Code code) const {
  std::string all;
  for (size_t i = 0; i < std::min(errors_.size(), kMaxErrors); ++i)
    all += (i ? "\n" : "") + errors_[i];
  if (errors_.size() > kMaxErrors)
    all += fmt::format("\n… and {} more", errors_.size() - kMaxErrors);
  return {code, all, ""};
}

void SpecReader::read_map(const YamlNode& node, const std::string& path, const Fields& fields) {
  if (node.is_null()) return;
  if (!node.is_map())
    return expected(node, path.empty() ? "the " + whole_ : path, "a map (\"key: value\" lines)");
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const YamlKey& key = node.keys[i];
    auto field = std::find_if(fields.begin(), fields.end(),
                              [&](const auto& f) { return f.first == key.name; });
    if (field != fields.end()) {
      field->second(node.items[i], path.empty() ? key.name : path + "." + key.name);
      continue;
    }
    std::vector<std::string> known;
    for (const auto& f : fields) known.push_back(f.first);
    std::string hint = suggestion(key.name, known);
    if (hint.empty())
      hint =
          fmt::format("; {} takes {}", path.empty() ? "a " + whole_ : path, fmt::join(known, ", "));
    fail(key.place, fmt::format("unknown key \"{}\"{}{}", shortened(key.name),
                                path.empty() ? "" : " in " + path, hint));
  }
}

void SpecReader::read_entries(const YamlNode& node, const std::string& path,
                              const std::string& what, const Entry& each) {
  if (node.is_null()) return;
  if (!node.is_map()) return expected(node, path, what);
  if (node.keys.size() > kMaxEntries)
    return fail(node.place, fmt::format("{} has more than {} keys", path, kMaxEntries));
  for (size_t i = 0; i < node.keys.size(); ++i) each(node.keys[i], node.items[i]);
}

void SpecReader::read_items(const YamlNode& node, const std::string& path, const std::string& what,
                            const Item& each) {
  if (node.is_null()) return;
  if (!node.is_list()) return expected(node, path, what);
  for (size_t i = 0; i < node.items.size(); ++i) {
    const YamlNode& item = node.items[i];
    std::string shown = fmt::format("{}[{}]", path, i);
    if (item.is_scalar() && !item.text.empty())
      each(item, shown);
    else
      expected(item, shown, "text");
  }
}

SpecReader::Handler SpecReader::text(const std::string& what, std::string& target) {
  return [this, what, &target](const YamlNode& node, const std::string& path) {
    if (!node.is_scalar() || trim(node.text).empty()) return expected(node, path, what);
    target = node.text;
  };
}

SpecReader::Handler SpecReader::boolean(bool& target) {
  return [this, &target](const YamlNode& node, const std::string& path) {
    std::string word = node.is_scalar() ? lower_case(node.text) : "";
    // YAML 1.1 and 1.2 disagree on yes and no; where nothing else is possible, both are clear.
    if (word == "true" || word == "yes" || word == "on")
      target = true;
    else if (word == "false" || word == "no" || word == "off")
      target = false;
    else
      expected(node, path, "true or false");
  };
}

SpecReader::Handler SpecReader::integer(int least, int most, int& target) {
  return [this, least, most, &target](const YamlNode& node, const std::string& path) {
    int value = 0;
    const std::string& text = node.text;
    const char* last = text.data() + text.size();
    auto [end, error] = std::from_chars(text.data(), last, value);
    // "010" is 8 to some readers of YAML and 10 to others.
    bool octal_like = text.size() > 1 && text[0] == '0';
    bool good = node.is_scalar() && error == std::errc() && end == last && !octal_like;
    if (!good || value < least || value > most)
      return expected(node, path, fmt::format("a whole number from {} to {}", least, most));
    target = value;
  };
}

SpecReader::Handler SpecReader::size(uint64_t least, uint64_t& target) {
  return [this, least, &target](const YamlNode& node, const std::string& path) {
    auto bytes = node.is_scalar() ? parse_size(node.text) : std::nullopt;
    if (!bytes) return expected(node, path, "a size such as 512M or 4G");
    if (*bytes != 0 && *bytes < least)
      return expected(node, path,
                      fmt::format("at least {} (units: K, M, G, T)", human_size(least)));
    target = *bytes;
  };
}

SpecReader::Handler SpecReader::duration(int64_t least_ms, int64_t most_ms, int64_t& target) {
  return [this, least_ms, most_ms, &target](const YamlNode& node, const std::string& path) {
    auto ms = node.is_scalar() ? parse_duration_ms(node.text) : std::nullopt;
    if (!ms) return expected(node, path, "a duration such as 30s, 5m or 12h");
    if (*ms < least_ms || *ms > most_ms)
      return expected(
          node, path,
          fmt::format("a duration from {} to {}", duration_text(least_ms), duration_text(most_ms)));
    target = *ms;
  };
}

SpecReader::Handler SpecReader::unsupported() {
  return [this](const YamlNode& node, const std::string& path) {
    fail(node.place, path + " is not supported yet");
  };
}

}  // namespace baton
