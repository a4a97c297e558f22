// The only file that includes yaml-cpp (0.7). Its events are used instead of its nodes: they carry
// the tags that tell "3" from 3, leave duplicate keys and aliases to us, and let a hostile document
// be refused while it is being read.
#include "model/spec_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace baton {
namespace {

// Thrown through yaml-cpp, whose own exceptions derive from the same class.
[[noreturn]] void refuse(const YAML::Mark& mark, const std::string& message) {
  throw YAML::ParserException(mark, message);
}

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1, -1}; }

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlNode& root) : root_(root) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document starts here, expected one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "a key is missing or null, expected a name before the \":\"");
    add(leaf(YamlNode::Kind::null, mark), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    bool quoted = tag == "!";  // plain scalars are tagged "?"
    if (!quoted) check_tag(mark, tag);
    // "\0" and "\xff" escapes make what the text itself may not contain.
    if (value.find('\0') != std::string::npos || !is_utf8(value))
      refuse(mark, "the value contains a NUL character, expected text");
    if (expects_key()) return begin_value(mark, value, quoted);
    YamlNode node = leaf(YamlNode::Kind::scalar, mark, value.size());
    node.text = value;
    node.quoted = quoted;
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) refuse(mark, "an alias stands where a key belongs, expected a name");
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "the alias refers to something that contains it");
    count(mark, found->second.size);
    if (static_cast<int>(open_.size()) + found->second.depth > kMaxYamlDepth) too_deep(mark);
    YamlNode copy = found->second.node;
    copy.place = place_of(mark);
    add(std::move(copy), YAML::NullAnchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    size_t nodes_before;
    int deepest;  // levels inside this one
  };
  struct Anchored {
    YamlNode node;
    size_t size;
    int depth;
  };

  bool expects_key() const {
    return !open_.empty() && open_.back().node.is_map() &&
           open_.back().node.keys.size() == open_.back().node.items.size();
  }

  void begin_value(const YAML::Mark& mark, const std::string& key, bool quoted) {
    auto& keys = open_.back().node.keys;
    if (key == "<<" && !quoted)
      refuse(mark, "merge keys (\"<<\") are not supported; write the keys out");
    // Maps are small; a map with thousands of keys would make this search slow, so it has a limit.
    if (keys.size() >= kMaxKeys) refuse(mark, fmt::format("a map has more than {} keys", kMaxKeys));
    for (const auto& known : keys)
      if (known.name == key)
        refuse(mark, fmt::format("key \"{}\" appears twice, first on line {}; remove one",
                                 printable(key), known.place.line));
    keys.push_back({key, place_of(mark)});
  }

  YamlNode leaf(YamlNode::Kind kind, const YAML::Mark& mark, size_t text_size = 0) {
    count(mark, 1 + text_size / kBytesPerValue);
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    return node;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    check_tag(mark, tag);
    if (expects_key()) refuse(mark, "a list or map stands where a key belongs, expected a name");
    if (static_cast<int>(open_.size()) >= kMaxYamlDepth) too_deep(mark);
    size_t before = nodes_;
    open_.push_back({leaf(kind, mark), anchor, before, 0});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (!open_.empty()) open_.back().deepest = std::max(open_.back().deepest, done.deepest + 1);
    if (done.anchor != YAML::NullAnchor)
      anchors_[done.anchor] = {done.node, nodes_ - done.nodes_before, done.deepest + 1};
    place(std::move(done.node));
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      anchors_[anchor] = {node, 1 + node.text.size() / kBytesPerValue, 0};
    place(std::move(node));
  }

  void place(YamlNode node) {
    if (open_.empty())
      root_ = std::move(node);
    else
      open_.back().node.items.push_back(std::move(node));
  }

  void count(const YAML::Mark& mark, size_t more) {
    nodes_ += more;
    if (nodes_ > kMaxYamlNodes)
      refuse(mark,
             fmt::format("more than {} values, counting what aliases expand to", kMaxYamlNodes));
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(mark, fmt::format("the tag \"{}\" is not supported; remove it", printable(tag)));
  }

  [[noreturn]] static void too_deep(const YAML::Mark& mark) {
    refuse(mark, fmt::format("nested more than {} levels deep", kMaxYamlDepth));
  }

  static constexpr size_t kMaxKeys = 2000;
  static constexpr size_t kBytesPerValue =
      16;  // long text counts as several values, as aliases repeat it
  YamlNode& root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

std::string_view line_of(std::string_view text, int line) {
  size_t begin = 0;
  for (int i = 1; i < line && begin != std::string_view::npos; ++i) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos || line < 1) return {};
  return text.substr(begin, text.find('\n', begin) - begin);
}

// Columns of yaml-cpp count bytes; people count characters.
int characters_before(std::string_view line, int byte_column) {
  auto bytes = static_cast<size_t>(std::max(byte_column - 1, 0));
  std::string_view before = line.substr(0, std::min(bytes, line.size()));
  auto continued = std::count_if(before.begin(), before.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
  });
  return byte_column - static_cast<int>(continued);
}

void count_characters(const std::vector<std::string_view>& lines, YamlNode& node) {
  auto fix = [&](Place& place) {
    if (place.line >= 1 && static_cast<size_t>(place.line) <= lines.size())
      place.column = characters_before(lines[static_cast<size_t>(place.line) - 1], place.column);
  };
  fix(node.place);
  for (auto& key : node.keys) fix(key.place);
  for (auto& item : node.items) count_characters(lines, item);
}

// yaml-cpp's messages, in words that say what to do.
std::string explain(const std::string& message, std::string_view line) {
  std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != std::string_view::npos)
    return "a tab in the indentation; YAML takes spaces only";
  static const std::pair<const char*, const char*> kExplained[] = {
      {"illegal map value",
       "a \":\" that YAML cannot place; indent with care, and put a value that contains \": \" in "
       "quotes"},
      {"illegal block entry",
       "a list item (\"- …\") cannot start here; put it on a line of its own"},
      {"illegal map key", "a key cannot start here; check the indentation"},
      {"end of map not found", "unexpected text; quote the whole value or correct the indentation"},
      {"end of sequence not found", "unexpected text, expected another list item (\"- …\")"},
      {"end of map flow not found",
       "the \"{\" of this map has no \"}\"; quote items that contain { } [ ] ,"},
      {"end of sequence flow not found",
       "the \"[\" of this list has no \"]\"; quote items that contain { } [ ] ,"},
      {"illegal EOF in scalar", "the quoted text has no end; add the closing quote"},
      {"unknown token", "a value cannot start with this character; put the value in quotes"},
      {"the referenced anchor is not defined",
       "the alias (\"*…\") has no anchor (\"&…\") before it"},
  };
  for (const auto& [theirs, ours] : kExplained)
    if (message == theirs) return ours;
  return printable(message);
}

std::optional<YamlProblem> check_bytes(std::string_view text) {
  if (text.size() > kMaxYamlBytes)
    return YamlProblem{{},
                       fmt::format("{} long, expected at most {}", human_size(text.size()),
                                   human_size(kMaxYamlBytes))};
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    ++number;
    if (size_t nul = line.find('\0'); nul != std::string_view::npos)
      return YamlProblem{{number, static_cast<int>(nul) + 1, -1},
                         "a NUL byte, expected text in UTF-8"};
    if (!is_utf8(line))
      return YamlProblem{{number, 1, -1}, "the line is not UTF-8; save the file as UTF-8"};
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i].name == key) return &items[i];
  return nullptr;
}

YamlNode* YamlNode::find(std::string_view key) {
  return const_cast<YamlNode*>(std::as_const(*this).find(key));
}

std::optional<YamlProblem> parse_yaml(std::string_view text, YamlNode& root) {
  root = YamlNode();
  if (auto problem = check_bytes(text)) return problem;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(root);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    Place place = place_of(error.mark);
    std::string_view line = line_of(text, place.line);
    place.column = characters_before(line, place.column);
    return YamlProblem{place, explain(error.msg, line)};
  } catch (const std::exception& error) {
    return YamlProblem{{}, std::string("cannot be read as YAML: ") + printable(error.what())};
  }
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  count_characters(lines, root);
  return std::nullopt;
}

}  // namespace baton
