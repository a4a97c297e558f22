#include "tune/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "model/sweep_spec.h"
#include "tune/options.h"
#include "tune/stop_early.h"

namespace baton {
namespace {

const std::vector<std::string> kOperations = {"init",       "ask",  "tell", "report",
                                              "forget",     "add",  "best", "pending",
                                              "importance", "save", "load"};

Error invalid(const std::string& message, const std::string& hint = "") {
  return {Code::invalid, message, hint};
}

Error too_long(size_t limit) {
  return invalid(fmt::format("the line is longer than {} MiB", limit >> 20));
}

std::string near_of(const std::string& word, const std::vector<std::string>& known) {
  auto near = did_you_mean(word, known);
  return near ? "did you mean \"" + shortened(*near) + "\"?"
              : fmt::format("known are {}", fmt::join(known, ", "));
}

// Only these members: a misspelt one must not pass for one that was left out.
Status check_members(const Json& object, const std::string& what,
                     const std::vector<std::string>& known) {
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return invalid(fmt::format("{} takes no member \"{}\"", what, shortened(key)),
                     near_of(key, known));
  return {};
}

const Json* find(const Json& object, const char* key) {
  auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

bool fits_int64(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() ||
          value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
}

Result<int64_t> whole(const Json& object, const char* key, int64_t least) {
  const Json* value = find(object, key);
  if (!value) return invalid(fmt::format("\"{}\" is missing", key));
  if (value->is_number_unsigned() && !fits_int64(*value))
    return invalid(fmt::format("\"{}\" is too large, expected at most 2^63 - 1", key));
  if (!fits_int64(*value) || value->get<int64_t>() < least)
    return invalid(fmt::format("\"{}\" is not a whole number from {} on", key, least));
  return value->get<int64_t>();
}

// `without`: what to do where there is no number.
Result<double> number(const Json& object, const char* key, const std::string& without) {
  const Json* value = find(object, key);
  if (!value) return invalid(fmt::format("\"{}\" is missing", key));
  if (!value->is_number()) return invalid(fmt::format("\"{}\" is not a number", key), without);
  return value->get<double>();
}

Json params_object(const Params& params) {
  Json object = Json::object();
  for (const auto& [name, value] : params) object[name] = value;
  return object;
}

Json suggestion_json(const Suggestion& one) {
  Json json = {{"id", one.id}, {"params", params_object(one.params)}};
  if (one.resumed) json["resumed"] = true;
  if (one.parent) json["parent"] = one.parent;
  if (one.until) json["until"] = one.until;
  return json;
}

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::pause:
      return "pause";
    case Verdict::stop:
      return "stop";
    case Verdict::go_on:
      break;
  }
  return "go_on";
}

// What goes with the method, as a spec's `sweep:` is judged.
Status check_method(const Json& request, const TuneOptions& options) {
  MethodOptions method{options.method, {}, options.max_step, options.min_step};
  for (const auto& [key, value] : request.items()) method.given.insert(key);
  auto problems = method_problems(method);
  return problems.empty() ? Status() : Status(invalid(problems.front().message));
}

// options_from_json() takes what it knows and defaults; here a member of a wrong type is a mistake.
Status check_option_types(const Json& request) {
  for (const char* key : {"method", "goal", "acquisition", "failures"})
    if (const Json* value = find(request, key); value && !value->is_string())
      return invalid(fmt::format("\"{}\" is not text", key));
  for (const char* key : {"seed", "trials", "parallel", "max_step", "min_step", "reduction"})
    if (find(request, key)) BATON_TRY(whole(request, key, 0));
  if (const Json* best = find(request, "best"); best && !best->is_boolean())
    return invalid("\"best\" is not true or false");
  return {};
}

Result<StopEarlyOptions> stop_early_options(const Json& json) {
  if (!json.is_object()) return invalid("\"stop_early\" is not an object");
  BATON_TRY(check_members(json, "stop_early", {"after", "grace", "rule", "reduction"}));
  StopEarlyOptions options;
  if (find(json, "after")) {
    BATON_ASSIGN(int64_t after, whole(json, "after", 1));
    // make_stop_early() tells what is too many.
    options.after =
        static_cast<int>(std::min<int64_t>(after, int64_t{StopEarlyOptions::kMostAfter} + 1));
  }
  if (find(json, "grace")) {
    BATON_ASSIGN(options.grace, whole(json, "grace", 0));
  }
  if (const Json* rule = find(json, "rule")) {
    if (*rule != "median" && *rule != "asha")
      return invalid("\"rule\" of \"stop_early\" is neither \"median\" nor \"asha\"");
    if (*rule == "asha") options.rule = StopRule::asha;
  }
  if (find(json, "reduction")) {
    if (options.rule != StopRule::asha)
      return invalid("\"reduction\" of \"stop_early\" goes with \"rule\": \"asha\" only");
    BATON_ASSIGN(int64_t reduction, whole(json, "reduction", 2));
    options.reduction = static_cast<int>(std::min<int64_t>(reduction, 1'000'000));
  }
  return options;
}

}  // namespace

std::string Suggester::answer(std::string_view line) {
  auto reply = answer_or_error(line);
  if (reply.ok()) return *reply;
  const Error& error = reply.error();
  Json json = {{"error", error.hint.empty() ? error.message : error.message + "; " + error.hint}};
  // What a program can act on.
  if (error.code == Code::not_found) json["finished"] = true;
  if (error.code == Code::transient) json["wait"] = true;
  return dump_json(json);
}

Result<std::string> Suggester::answer_or_error(std::string_view line) {
  if (line.size() > kMaxSuggestLine) return too_long(kMaxSuggestLine);
  const bool is_long = line.size() > kMaxSuggestRequest;
  if (is_long && line.find("\"load\"") == std::string_view::npos)
    return too_long(kMaxSuggestRequest);
  BATON_ASSIGN(Json request, parse_json(line, "the line"));
  if (is_long && get_string(request, "op") != "load") return too_long(kMaxSuggestRequest);
  BATON_ASSIGN(Json reply, dispatch(request));
  std::string text = dump_json(reply);
  if (text.size() > max_saved_ && get_string(request, "op") == "save")
    return invalid(fmt::format("the state takes {} MiB, and load takes {} at most",
                               text.size() >> 20, max_saved_ >> 20),
                   "begin another search, and add to it the trials that matter");
  return text;
}

Result<Json> Suggester::dispatch(const Json& request) {
  if (!request.is_object()) return invalid("the line is not a JSON object");
  const Json* op = find(request, "op");
  if (!op || !op->is_string()) return invalid("\"op\" is missing", "as in {\"op\":\"ask\"}");
  const auto name = op->get<std::string>();
  if (std::find(kOperations.begin(), kOperations.end(), name) == kOperations.end())
    return invalid(fmt::format("there is no operation \"{}\"", shortened(name)),
                   near_of(name, kOperations));
  if (name == "init") return init(request);
  if (name == "load") return load(request);
  if (!tuner_) return invalid(name + " comes before init", "begin with init or load");
  if (name == "tell") return tell(request);
  if (name == "report") return report(request);
  if (name == "add") return add(request);
  if (name == "forget") {
    BATON_TRY(check_members(request, name, {"op", "id"}));
    BATON_ASSIGN(int64_t id, whole(request, "id", 1));
    BATON_TRY(tuner_->forget(static_cast<uint64_t>(id)));
    return Json{{"ok", true}};
  }
  BATON_TRY(check_members(request, name, {"op"}));
  if (name == "ask") return ask();
  if (name == "best") return best();
  if (name == "save") return Json{{"ok", true}, {"state", tuner_->save()}};
  Json list = Json::array();
  if (name == "pending")
    for (const auto& one : tuner_->pending()) list.push_back(suggestion_json(one));
  else
    for (const auto& one : tuner_->importance())
      list.push_back({{"name", one.name}, {"share", one.share}});
  return Json{{name, list}};
}

Result<Json> Suggester::init(const Json& request) {
  if (tuner_)
    return invalid("init was there already", "start another `baton suggest` for another search");
  BATON_TRY(check_members(
      request, "init",
      {"op", "seed", "method", "goal", "acquisition", "failures", "trials", "parallel", "max_step",
       "min_step", "reduction", "best", "stop_early", "parameters"}));
  BATON_TRY(check_option_types(request));
  const Json* parameters = find(request, "parameters");
  if (!parameters)
    return invalid("\"parameters\" is missing", "as in {\"x\": {\"min\": 0, \"max\": 1}}");
  BATON_ASSIGN(Space space, space_from_json(*parameters));
  BATON_ASSIGN(TuneOptions options, options_from_json(request));
  options.forget_frees = true;
  BATON_ASSIGN(auto tuner, make_tuner(space, options));
  BATON_TRY(check_method(request, options));
  if (const Json* stop_early = find(request, "stop_early")) {
    BATON_ASSIGN(StopEarlyOptions early, stop_early_options(*stop_early));
    BATON_ASSIGN(tuner, make_stop_early(std::move(tuner), early, options.goal));
  }
  tuner_ = std::move(tuner);
  return Json{{"ok", true}};
}

Result<Json> Suggester::load(const Json& request) {
  if (tuner_) return invalid("load comes after init", "load instead of init");
  BATON_TRY(check_members(request, "load", {"op", "state"}));
  const Json* state = find(request, "state");
  if (!state) return invalid("\"state\" is missing", "give the state that save has answered");
  BATON_ASSIGN(tuner_, load_any_tuner(*state));
  return Json{{"ok", true}};
}

Result<Json> Suggester::ask() {
  BATON_ASSIGN(Suggestion suggestion, tuner_->ask());
  return suggestion_json(suggestion);
}

Result<Json> Suggester::tell(const Json& request) {
  BATON_TRY(check_members(request, "tell", {"op", "id", "value", "failed"}));
  BATON_ASSIGN(int64_t id, whole(request, "id", 1));
  const Json* failed = find(request, "failed");
  if (failed && !failed->is_boolean()) return invalid("\"failed\" is not true or false");
  if (failed && failed->get<bool>()) {
    if (find(request, "value"))
      return invalid("a failed trial has no value", "leave \"value\" or \"failed\" out");
    BATON_TRY(tuner_->fail(static_cast<uint64_t>(id)));
    return Json{{"ok", true}};
  }
  BATON_ASSIGN(double value, number(request, "value", "where there is none, say \"failed\": true"));
  BATON_TRY(tuner_->tell(static_cast<uint64_t>(id), value));
  return Json{{"ok", true}};
}

Result<Json> Suggester::report(const Json& request) {
  BATON_TRY(check_members(request, "report", {"op", "id", "step", "value"}));
  BATON_ASSIGN(int64_t id, whole(request, "id", 1));
  BATON_ASSIGN(int64_t step, whole(request, "step", 1));
  BATON_ASSIGN(double value, number(request, "value", "leave a report without one out"));
  BATON_ASSIGN(Verdict verdict, tuner_->report(static_cast<uint64_t>(id), step, value));
  return Json{{"ok", true}, {"verdict", verdict_name(verdict)}};
}

Result<Json> Suggester::add(const Json& request) {
  BATON_TRY(check_members(request, "add", {"op", "params", "value"}));
  const Json* given = find(request, "params");
  if (!given || !given->is_object()) return invalid("\"params\" is missing or not an object");
  BATON_ASSIGN(double value, number(request, "value", "leave points without one out"));
  Params params;
  for (const auto& [name, one] : given->items()) params.emplace_back(name, one);
  BATON_TRY(tuner_->add(params, value));
  return Json{{"ok", true}};
}

Result<Json> Suggester::best() const {
  auto best = tuner_->best();
  if (!best) return invalid("there is no best trial yet", "tell a value first");
  return Json{{"id", best->id}, {"params", params_object(best->params)}, {"value", best->value}};
}

}  // namespace baton
