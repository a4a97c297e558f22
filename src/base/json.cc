#include "base/json.h"

#include <map>
#include <utility>
#include <vector>

namespace baton {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kFewMembers = 16;

// Builds what nlohmann's own builder does, but an object's members are looked for by an index once
// they are many: ordered_map compares with each of them, so that an object would cost the square of
// its members.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Json root;
  bool too_deep = false;

  bool null() override { return put(Json()); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    auto& members = *level.container->get_ptr<Json::object_t*>();
    if (members.size() < kFewMembers) {
      level.value = &members[name];
      return true;
    }
    if (level.places.empty())
      for (const auto& [known, value] : members) level.places.emplace(known, level.places.size());
    auto [place, fresh] = level.places.emplace(name, members.size());
    if (fresh) members.emplace_back(std::move(name), Json());
    level.value = &members.data()[place->second].second;
    return true;
  }

 private:
  struct Level {
    Json* container;
    Json* value = nullptr;                 // of the member whose name came last
    std::map<std::string, size_t> places;  // of an object with many members: where each is
  };

  Json* place(Json&& value) {
    if (levels_.empty()) return &(root = std::move(value));
    Level& level = levels_.back();
    if (level.container->is_object()) return &(*level.value = std::move(value));
    auto& elements = *level.container->get_ptr<Json::array_t*>();
    elements.push_back(std::move(value));
    return &elements.back();
  }
  bool put(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json container) {
    too_deep = levels_.size() == kMaxDepth;
    if (!too_deep) levels_.push_back({place(std::move(container)), nullptr, {}});
    return !too_deep;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }

  std::vector<Level> levels_;  // what is open, the innermost last
};

}  // namespace

Result<Json> parse_json(std::string_view text, const std::string& what) {
  Builder builder;
  const bool good = Json::sax_parse(text.begin(), text.end(), &builder);
  if (builder.too_deep)
    return Error{Code::corrupt, what + " is nested too deeply to be JSON of baton's", ""};
  if (!good) return Error{Code::corrupt, what + " is not valid JSON", ""};
  return std::move(builder.root);
}

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string pretty_json(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string get_string(const Json& object, const char* key, const std::string& fallback) {
  if (!object.is_object()) return fallback;
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : fallback;
}

int64_t get_int(const Json& object, const char* key, int64_t fallback) {
  if (!object.is_object()) return fallback;
  auto it = object.find(key);
  return it != object.end() && it->is_number_integer() ? it->get<int64_t>() : fallback;
}

double get_double(const Json& object, const char* key, double fallback) {
  if (!object.is_object()) return fallback;
  auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>() : fallback;
}

bool get_bool(const Json& object, const char* key, bool fallback) {
  if (!object.is_object()) return fallback;
  auto it = object.find(key);
  return it != object.end() && it->is_boolean() ? it->get<bool>() : fallback;
}

}  // namespace baton
