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
#include "model/yaml_text.h"

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
    YamlNode node = leaf(YamlNode::Kind::null, mark);
    // A value left out is marked wherever the next token is: its key is the better place.
    if (!open_.empty() && open_.back().node.is_map())
      node.place = open_.back().node.keys.back().place;
    add(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    bool quoted = tag == "!";  // plain scalars are tagged "?"
    if (!quoted) check_tag(mark, tag);
    // "\0" and "\xff" escapes make what the text itself may not contain.
    if (value.find('\0') != std::string::npos || !is_utf8(value))
      refuse(mark, "the value contains a NUL character, expected text");
    if (expects_key()) return begin_value(mark, value, quoted);
    if (quoted) last_quoted_ = mark;
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
    if (!open_.empty()) open_.back().deepest = std::max(open_.back().deepest, found->second.depth);
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

  // Where the last scalar in quotes or block form begins.
  const YAML::Mark& last_quoted() const { return last_quoted_; }

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
    if (expects_key())
      refuse(
          mark,
          "a list or map stands where a key belongs; close every \"[\" and \"{\", and quote keys");
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

  static constexpr size_t kMaxKeys = 1000;
  static constexpr size_t kBytesPerValue =
      16;  // long text counts as several values, as aliases repeat it
  YamlNode& root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  YAML::Mark last_quoted_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

void count_characters(const YamlLines& lines, YamlNode& node) {
  node.place = lines.in_characters(node.place);
  for (auto& key : node.keys) key.place = lines.in_characters(key.place);
  for (auto& item : node.items) count_characters(lines, item);
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
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);  // byte order mark
  if (auto problem = check_yaml_bytes(text)) return problem;
  YamlLines lines(text);
  TreeBuilder builder(root);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return lines.explain(place_of(error.mark), error.msg);
  } catch (const std::exception& error) {
    return YamlProblem{{}, std::string("cannot be read as YAML: ") + printable(error.what())};
  }
  // yaml-cpp 0.7 takes a quoted scalar that runs to the end of the text for a complete one.
  Place last = place_of(builder.last_quoted());
  if (lines.never_closed(last)) return lines.explain(last, "illegal EOF in scalar");
  count_characters(lines, root);
  return std::nullopt;
}

}  // namespace baton
