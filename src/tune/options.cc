#include "tune/options.h"

#include <algorithm>

#include "base/text.h"
#include "model/sweep_spec.h"

namespace baton {
namespace {

Error unknown(const std::string& what, const std::string& word,
              const std::vector<std::string>& known) {
  std::string hint;
  if (auto near = did_you_mean(word, known)) {
    hint = "did you mean " + *near + "?";
  } else {
    hint = "one of";
    for (const std::string& name : known) hint += (&name == known.data() ? " " : ", ") + name;
  }
  return {Code::invalid, "unknown " + what + " \"" + shortened(word) + "\"", hint};
}

// Reads an integer that must not be negative.
Status read_count(const Json& json, const char* key, uint64_t& into) {
  auto it = json.find(key);
  if (it == json.end()) return {};
  if (it->is_number_unsigned()) {
    into = it->get<uint64_t>();
  } else if (it->is_number_integer() && it->get<int64_t>() >= 0) {
    into = static_cast<uint64_t>(it->get<int64_t>());
  } else {
    return Error{Code::invalid, std::string(key) + " must be a whole number from 0 on", ""};
  }
  return {};
}

Status check_grid(const Space& space) {
  for (const Dimension& dimension : space.dimensions) {
    if (dimension.kind == Dimension::Kind::real && dimension.step == 0) {
      return Error{Code::invalid, "a grid over " + shortened(dimension.name) + " needs its points",
                   "give it a step, or list its values as choices"};
    }
  }
  return {};
}

}  // namespace

const std::vector<std::string>& tune_methods() {
  static const std::vector<std::string> kMethods = {"bayes",  "tpe",  "sobol",     "grid",
                                                    "random", "asha", "hyperband", "pbt"};
  return kMethods;
}

Json options_to_json(const TuneOptions& options) {
  Json json = {{"method", options.method},
               {"goal", options.goal == Goal::minimize ? "minimize" : "maximize"},
               {"seed", options.seed},
               {"acquisition", options.acquisition},
               {"failures", options.failures == Failures::exclude ? "exclude" : "penalise"},
               {"trials", options.trials},
               {"parallel", options.parallel},
               {"max_step", options.max_step},
               {"min_step", options.min_step},
               {"reduction", options.reduction},
               {"best", options.best}};
  if (options.trials_at_first) json["trials_at_first"] = *options.trials_at_first;
  if (options.forget_frees) json["forget_frees"] = true;
  return json;
}

Result<TuneOptions> options_from_json(const Json& json) {
  TuneOptions options;
  if (!json.is_object()) return Error{Code::invalid, "the options must be an object", ""};
  options.method = get_string(json, "method", options.method);
  options.acquisition = get_string(json, "acquisition");
  const std::string goal = get_string(json, "goal", "minimize");
  if (goal != "minimize" && goal != "maximize") {
    return unknown("goal", goal, {"minimize", "maximize"});
  }
  options.goal = goal == "maximize" ? Goal::maximize : Goal::minimize;
  const std::string failures = get_string(json, "failures", "exclude");
  if (failures != "exclude" && failures != "penalise") {
    return unknown("way with failures", failures, {"exclude", "penalise"});
  }
  options.failures = failures == "penalise" ? Failures::penalise : Failures::exclude;
  BATON_TRY(read_count(json, "seed", options.seed));
  BATON_TRY(read_count(json, "trials", options.trials));
  if (json.contains("trials_at_first"))
    BATON_TRY(read_count(json, "trials_at_first", options.trials_at_first.emplace()));
  options.parallel =
      static_cast<int>(std::clamp<int64_t>(get_int(json, "parallel", 1), -1, 1 << 20));
  options.max_step = get_int(json, "max_step");
  options.min_step = get_int(json, "min_step", 1);
  options.reduction =
      static_cast<int>(std::clamp<int64_t>(get_int(json, "reduction", 3), -1, 1 << 20));
  options.best = get_bool(json, "best");
  options.forget_frees = get_bool(json, "forget_frees");
  return options;
}

Status check_options(const Space& space, const TuneOptions& options) {
  const auto& methods = tune_methods();
  if (std::find(methods.begin(), methods.end(), options.method) == methods.end()) {
    return unknown("method", options.method, methods);
  }
  MethodOptions method{options.method, {}, options.max_step, options.min_step};
  if (!options.acquisition.empty()) method.given.insert("acquisition");
  if (const auto problems = method_problems(method); !problems.empty()) {
    return Error{Code::invalid, problems.front().message, ""};
  }
  if (!options.acquisition.empty()) {
    const auto& known = sweep_acquisitions();
    if (std::find(known.begin(), known.end(), options.acquisition) == known.end()) {
      return unknown("acquisition", options.acquisition, known);
    }
  }
  if (options.parallel < 1) return Error{Code::invalid, "parallel must be at least 1", ""};
  if (options.method == "grid") BATON_TRY(check_grid(space));
  const bool rungs = options.method == "asha" || options.method == "hyperband";
  if (!rungs && options.method != "pbt") return {};
  if (options.min_step < 1) return Error{Code::invalid, "min_step must be at least 1", ""};
  if (rungs && options.reduction < 2) {
    return Error{Code::invalid, "reduction must be at least 2", "3 or 4 are usual"};
  }
  return {};
}

}  // namespace baton
