// Parameters: what a scalar means, and how it is written.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "model/spec.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

size_t skip_digits(const std::string& text, size_t i) {
  while (i < text.size() && digit(text[i])) ++i;
  return i;
}

enum class Shape { text, whole, fraction };

// JSON's grammar of numbers (RFC 8259, section 6), and also ".5", "5." and a leading "+". "007" and
// "0x1F" are text: YAML's versions disagree on what they mean.
Shape shape_of(const std::string& text) {
  size_t i = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  size_t begin = i;
  i = skip_digits(text, i);
  size_t digits = i - begin;
  if (digits > 1 && text[begin] == '0') return Shape::text;
  bool fraction = false;
  if (i < text.size() && text[i] == '.') {
    size_t point = i++;
    i = skip_digits(text, i);
    digits += i - point - 1;
    fraction = true;
  }
  if (digits == 0) return Shape::text;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    size_t exponent = i;
    i = skip_digits(text, i);
    if (i == exponent) return Shape::text;
    fraction = true;
  }
  if (i != text.size()) return Shape::text;
  return fraction ? Shape::fraction : Shape::whole;
}

template <class T>
std::optional<T> convert(const std::string& text) {
  const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
  T value{};
  auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Json> number(const std::string& text, Shape shape) {
  if (shape == Shape::whole) {
    if (auto value = convert<int64_t>(text)) return Json(*value);
    if (auto value = convert<uint64_t>(text)) return Json(*value);
  }
  auto value = convert<double>(text);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return Json(*value);
}

const Json* plain(const Json& value) {
  if (!value.is_object()) return &value;
  auto it = value.find("value");
  return it == value.end() ? nullptr : &*it;
}

}  // namespace

std::optional<Json> param_from_scalar(const std::string& text, bool quoted) {
  if (quoted) return Json(text);
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);
  Shape shape = shape_of(text);
  if (shape == Shape::text) return Json(text);
  auto value = number(text, shape);
  if (!value || dump_json(*value) == text) return value;
  return Json{{"value", *value}, {"text", text}};
}

std::string param_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) return get_string(value, "text");
  return dump_json(value);
}

Json params_json(const std::vector<std::pair<std::string, Json>>& params) {
  Json all = Json::object();
  for (const auto& [name, value] : params)
    if (const Json* found = plain(value)) all[name] = *found;
  return all;
}

std::string param_variable(const std::string& name) {
  std::string variable = "BATON_PARAM_";
  for (char c : name) {
    bool lower = c >= 'a' && c <= 'z';
    bool keep = digit(c) || (c >= 'A' && c <= 'Z');
    variable += lower ? static_cast<char>(c - 32) : keep ? c : '_';
  }
  return variable;
}

}  // namespace baton
