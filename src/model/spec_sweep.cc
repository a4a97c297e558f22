// `sweep:` in a spec.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <map>

#include "base/text.h"
#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

constexpr int64_t kMaxSteps = 1'000'000'000'000;

template <class Value>
std::string joined_words(const std::vector<Value>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// Text that must be one of `words`; `target` is its index.
void read_choice(SpecReader& in, const YamlNode& node, Path path,
                 const std::vector<std::string>& words, size_t& target) {
  auto found = std::find(words.begin(), words.end(), node.text);
  if (!node.is_scalar() || found == words.end())
    return in.expected(
        node, path,
        "one of " + joined_words(words) + (node.is_scalar() ? suggestion(node.text, words) : ""));
  target = static_cast<size_t>(found - words.begin());
}

SpecReader::Handler choice(SpecReader& in, const std::vector<std::string>& words,
                           const std::function<void(size_t)>& set) {
  return [&in, words, set](const YamlNode& node, const std::string& path) {
    size_t index = words.size();
    read_choice(in, node, path, words, index);
    if (index < words.size()) set(index);
  };
}

void read_metric_name(SpecReader& in, const YamlNode& node, Path path, std::string& metric) {
  if (!node.is_scalar() || trim(node.text).empty())
    return in.expected(node, path, "the name of a reported number, such as val_loss");
  if (node.text == "step")
    return in.expected(node, path, "another name, as \"step\" counts the reports");
  metric = node.text;
}

void read_metric(SpecReader& in, const YamlNode& node, Path path, SweepSpec& sweep) {
  if (node.is_scalar()) return read_metric_name(in, node, path, sweep.metric);
  if (!node.is_map())
    return in.expected(node, path, "a map such as {name: val_loss, goal: minimize}");
  size_t before = in.errors();
  in.read_map(node, path,
              {{"name", in.part(read_metric_name, sweep.metric)},
               {"goal", choice(in, {"minimize", "maximize"},
                               [&](size_t index) { sweep.maximize = index == 1; })},
               {"best", in.boolean(sweep.best)}});
  if (sweep.metric.empty() && in.errors() == before)
    in.fail(node.place,
            path + " has no name, expected a map such as {name: val_loss, goal: minimize}");
}

void read_long(SpecReader& in, const YamlNode& node, Path path, int64_t least, int64_t most,
               int64_t& target) {
  int64_t value = 0;
  const char* last = node.text.data() + node.text.size();
  auto [end, error] = std::from_chars(node.text.data(), last, value);
  bool good = node.is_scalar() && error == std::errc() && end == last;
  if (!good || value < least || value > most)
    return in.expected(node, path, fmt::format("a whole number from {} to {}", least, most));
  target = value;
}

SpecReader::Handler whole(SpecReader& in, int64_t least, int64_t most, int64_t& target) {
  return [&in, least, most, &target](const YamlNode& node, const std::string& path) {
    read_long(in, node, path, least, most, target);
  };
}

void read_seed(SpecReader& in, const YamlNode& node, Path path, uint64_t& seed) {
  const char* last = node.text.data() + node.text.size();
  uint64_t value = 0;
  auto [end, error] = std::from_chars(node.text.data(), last, value);
  if (!node.is_scalar() || error != std::errc() || end != last)
    return in.expected(node, path, "a whole number from 0");
  seed = value;
}

void read_target(SpecReader& in, const YamlNode& node, Path path, std::optional<double>& target) {
  auto value = node.is_scalar() ? param_from_scalar(node.text, node.quoted) : std::nullopt;
  if (value && value->is_object()) value = Json((*value)["value"]);
  if (!value || !value->is_number()) return in.expected(node, path, "a number such as 0.93");
  target = value->get<double>();
}

void read_budget(SpecReader& in, const YamlNode& node, Path path, SweepSpec& sweep) {
  in.read_map(node, path,
              {{"time", in.duration(1, kMaxSweepMs, sweep.time_ms)},
               {"target", in.part(read_target, sweep.target)}});
}

void read_stop_early(SpecReader& in, const YamlNode& node, Path path,
                     std::optional<StopEarly>& stop) {
  bool on = true;
  if (node.is_scalar()) {
    in.boolean(on)(node, path);
    if (on) stop = StopEarly();
    return;
  }
  stop = StopEarly();
  in.read_map(
      node, path,
      {{"after", in.integer(1, kMaxTrials, stop->after)},
       {"grace", whole(in, 0, kMaxSteps, stop->grace)},
       {"rule", choice(in, {"median", "asha"}, [&](size_t index) { stop->asha = index == 1; })},
       {"reduction", in.integer(2, 1000, stop->reduction)}});
  if (const YamlNode* reduction = node.find("reduction"); reduction && !stop->asha)
    in.fail(reduction->place, fmt::format("{0}.reduction goes with {0}.rule: asha only", path));
}

// A tree as JSON, numbers by value.
Json json_of(const YamlNode& node) {
  if (node.is_null()) return {};
  if (node.is_list()) {
    Json list = Json::array();
    for (const auto& item : node.items) list.push_back(json_of(item));
    return list;
  }
  if (node.is_map()) {
    Json map = Json::object();
    for (size_t i = 0; i < node.keys.size(); ++i) map[node.keys[i].name] = json_of(node.items[i]);
    return map;
  }
  auto value = param_from_scalar(node.text, node.quoted);
  if (!value) return Json(node.text);  // a number that JSON cannot hold: reported as text
  return value->is_object() ? Json((*value)["value"]) : *value;
}

// Where a problem's path leads, as far as it can be followed. A key that is unknown is marked where
// it stands; anything else where its value stands.
Place place_of(const YamlNode& root, const std::vector<std::string>& path) {
  const YamlNode* node = &root;
  Place place = root.place;
  for (const auto& part : path) {
    const YamlNode* next = nullptr;
    if (node->is_map()) {
      next = node->find(part);
    } else if (node->is_list()) {
      size_t index = 0;
      auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
      if (error == std::errc() && index < node->items.size()) next = &node->items[index];
    }
    if (!next) break;  // "choices" of a plain list: the list itself stands for it
    if (node->is_map() && next->is_null())
      for (const auto& key : node->keys)
        if (key.name == part) place = key.place;
    node = next;
    if (node->place.line > 0) place = node->place;
  }
  return place;
}

void read_parameters(SpecReader& in, const YamlNode& node, Path path, Space& space) {
  if (!node.is_map())
    return in.expected(node, path, "a map such as {lr: {min: 1e-5, max: 0.1, scale: log}}");
  for (const auto& problem : read_space(json_of(node), space)) {
    // The plain-list form has no "choices": its items follow the name directly.
    std::vector<std::string> way = problem.path;
    if (way.size() > 1 && way[1] == "choices") {
      const YamlNode* one = node.find(way[0]);
      if (one && one->is_list()) way.erase(way.begin() + 1);
    }
    in.fail(place_of(node, way),
            problem.path.empty() ? path + ": " + problem.message : path + "." + problem.message);
  }
}

void check_method(SpecReader& in, const YamlNode& node, Path path, const SweepSpec& sweep) {
  auto place = [&](const char* key) {
    const YamlNode* found = node.find(key);
    return found ? found->place : node.place;
  };
  if (sweep.metric.empty() && method_learns(sweep.method))
    in.fail(place("method"),
            fmt::format("{0} has no metric, but the method {1} learns from one; add {0}.metric, or "
                        "use grid, sobol or random",
                        path, sweep.method));
  if (sweep.metric.empty() && sweep.target)
    in.fail(place("budget"), path + ".budget.target needs a metric to compare with");
  if (sweep.metric.empty() && sweep.stop_early)
    in.fail(place("stop_early"), path + ".stop_early needs a metric to compare by");
  MethodOptions options{sweep.method, {}, sweep.max_step, sweep.min_step};
  for (const auto& key : node.keys) options.given.insert(key.name);
  if (!sweep.stop_early) options.given.erase("stop_early");  // it may say false
  for (const auto& problem : method_problems(options))
    in.fail(place(node.find(problem.member) ? problem.member.c_str() : "method"),
            path + "." + problem.message);
  for (const auto& dimension : sweep.space.dimensions)
    if (sweep.method == "grid" && dimension.kind == Dimension::Kind::real && dimension.step == 0)
      in.fail(place_of(node, {"parameters", dimension.name}),
              fmt::format("{}.parameters.{} has no step, but a grid needs its points; give it a "
                          "step, or list its values as choices",
                          path, dimension.name));
  if (sweep.trials == 0 && sweep.method != "grid" && sweep.time_ms == 0 && !sweep.target)
    in.fail(node.place, fmt::format("{0} would never end; say how many {0}.trials to run, or give "
                                    "{0}.budget a time or a target",
                                    path));
}

// Whether a word stands in the text, not as a part of a longer one.
bool has_word(const std::string& text, const std::string& word) {
  auto part = [&](size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_');
  };
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if ((at == 0 || !part(at - 1)) && !part(at + word.size())) return true;
  return false;
}

std::string command_text(const Spec& spec) {
  std::string text = spec.command;
  for (const auto& word : spec.command_list) text += " " + word;
  return text;
}

bool has_param(const Spec& spec, const std::string& name) {
  return std::any_of(spec.params.begin(), spec.params.end(),
                     [&](const auto& param) { return param.first == name; });
}

}  // namespace

const std::vector<std::string>& sweep_methods() {
  static const std::vector<std::string> kMethods = {"bayes",  "tpe",  "sobol",     "grid",
                                                    "random", "asha", "hyperband", "pbt"};
  return kMethods;
}

const std::vector<std::string>& sweep_acquisitions() {
  static const std::vector<std::string> kAcquisitions = {"logei", "thompson"};
  return kAcquisitions;
}

bool method_learns(const std::string& method) {
  return method != "grid" && method != "random" && method != "sobol";
}

bool method_has_budgets(const std::string& method) {
  return method == "asha" || method == "hyperband" || method == "pbt";
}

std::vector<MethodProblem> method_problems(const MethodOptions& options) {
  const std::string& method = options.method;
  const bool budgets = method_has_budgets(method);
  std::vector<MethodProblem> problems;
  auto fail = [&](const char* member, const std::string& message) {
    problems.push_back({member, fmt::format("{} {}", member, message)});
  };
  auto given = [&](const char* member) { return options.given.contains(member); };
  if (given("acquisition") && method != "bayes")
    fail("acquisition", "goes with bayes only, not with " + method);
  if (given("stop_early") && budgets)
    fail("stop_early",
         fmt::format("does not go with the method {}, which stops trials by itself", method));
  for (const char* member : {"max_step", "min_step", "reduction"})
    if (given(member) && !budgets)
      fail(member, "goes with asha, hyperband and pbt only, not with " + method);
  if (budgets && options.max_step < 1)
    fail("max_step",
         "is missing, but " + method + " needs to know at which reported step a trial is complete");
  else if (budgets && options.min_step > options.max_step)
    fail("min_step", fmt::format("is {}, expected at most max_step, which is {}", options.min_step,
                                 options.max_step));
  return problems;
}

bool mentions_parameter(const std::string& text, const std::string& name) {
  return has_word(text, name) || has_word(text, param_variable(name));
}

void read_sweep(SpecReader& in, const YamlNode& node, Path path, std::optional<SweepSpec>& target) {
  if (!node.is_map() || node.keys.empty())
    return in.expected(node, path, "a map with at least metric, parameters and trials");
  size_t before = in.errors();
  SweepSpec sweep;
  in.read_map(node, path,
              {{"metric", in.part(read_metric, sweep)},
               {"method", choice(in, sweep_methods(),
                                 [&](size_t index) { sweep.method = sweep_methods()[index]; })},
               {"acquisition",
                choice(in, sweep_acquisitions(),
                       [&](size_t index) { sweep.acquisition = sweep_acquisitions()[index]; })},
               {"trials", in.integer(1, kMaxTrials, sweep.trials)},
               {"parallel", in.integer(1, kMaxParallel, sweep.parallel)},
               {"parameters", in.part(read_parameters, sweep.space)},
               {"stop_early", in.part(read_stop_early, sweep.stop_early)},
               {"budget", in.part(read_budget, sweep)},
               {"failures", choice(in, {"exclude", "penalise"},
                                   [&](size_t index) { sweep.penalise = index == 1; })},
               {"seed", in.part(read_seed, sweep.seed)},
               {"max_step", whole(in, 1, kMaxSteps, sweep.max_step)},
               {"min_step", whole(in, 1, kMaxSteps, sweep.min_step)},
               {"reduction", in.integer(2, 1000, sweep.reduction)}});
  if (!node.find("parameters"))
    in.fail(node.place, path +
                            " has no parameters, expected for example "
                            "\"parameters: {lr: {min: 1e-5, max: 0.1, scale: log}}\"");
  // It exists even if something in it was refused, so that its ${names} are not reported too.
  if (in.errors() == before) check_method(in, node, path, sweep);
  target = std::move(sweep);
}

void add_swept(const Space& space, Params& params) {
  for (const auto& dimension : space.dimensions) {
    bool there = std::any_of(params.begin(), params.end(),
                             [&](const auto& param) { return param.first == dimension.name; });
    if (!there) params.emplace_back(dimension.name, Json(""));
  }
}

void check_swept(SpecReader& in, const YamlNode& node, const Spec& spec) {
  const YamlNode* parameters = node.find("parameters");
  if (!parameters || !parameters->is_map()) return;
  std::string command = command_text(spec);
  for (size_t i = 0; i < parameters->keys.size(); ++i) {
    const YamlKey& key = parameters->keys[i];
    auto dimension =
        std::find_if(spec.sweep->space.dimensions.begin(), spec.sweep->space.dimensions.end(),
                     [&](const Dimension& one) { return one.name == key.name; });
    if (dimension == spec.sweep->space.dimensions.end() || has_param(spec, key.name)) continue;
    std::string reference = "${" + key.name + "}";
    if (!dimension->when.empty() && command.find(reference) != std::string::npos)
      in.fail(key.place,
              fmt::format("the command has {}, but {} is not there in every trial; give it a value "
                          "for the others in params",
                          reference, key.name));
    // Where there is code, the program may read it there (check_used in control/sweep_check.h).
    if (!spec.code && !command.empty() && !mentions_parameter(command, key.name))
      in.fail(
          key.place,
          fmt::format("sweep.parameters.{0} is never used; write ${{{0}}} in the command, or, if "
                      "the program reads it from params.json, give it a value in params too",
                      key.name));
  }
  std::map<std::string, std::string> variables;
  Params all = spec.params;
  add_swept(spec.sweep->space, all);
  for (const auto& [name, value] : all) {
    auto [other, fresh] = variables.emplace(param_variable(name), name);
    if (!fresh && other->second != name)
      in.fail(parameters->place,
              fmt::format("the parameters {} and {} would both be ${}; rename one", other->second,
                          name, other->first));
  }
}

Json sweep_to_json(const SweepSpec& sweep) {
  Json json = Json::object();
  if (!sweep.metric.empty())
    json["metric"] = {{"name", sweep.metric},
                      {"goal", sweep.maximize ? "maximize" : "minimize"},
                      {"best", sweep.best}};
  json["method"] = sweep.method;
  if (!sweep.acquisition.empty()) json["acquisition"] = sweep.acquisition;
  if (sweep.trials > 0) json["trials"] = sweep.trials;
  json["parallel"] = sweep.parallel;
  json["parameters"] = space_to_json(sweep.space);
  if (sweep.stop_early) {
    Json& stop = json["stop_early"];
    stop = {{"after", sweep.stop_early->after}, {"grace", sweep.stop_early->grace}};
    if (sweep.stop_early->asha) {
      stop["rule"] = "asha";
      stop["reduction"] = sweep.stop_early->reduction;
    }
  }
  if (sweep.time_ms > 0 || sweep.target) {
    Json& budget = json["budget"] = Json::object();
    if (sweep.time_ms > 0) budget["time"] = fmt::format("{}ms", sweep.time_ms);
    if (sweep.target) budget["target"] = *sweep.target;
  }
  json["failures"] = sweep.penalise ? "penalise" : "exclude";
  json["seed"] = sweep.seed;
  if (method_has_budgets(sweep.method)) {
    json["max_step"] = sweep.max_step;
    json["min_step"] = sweep.min_step;
    json["reduction"] = sweep.reduction;
  }
  return json;
}

}  // namespace baton
