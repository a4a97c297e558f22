#include "control/sweep_plot.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/xml.h"
#include "control/sweep_report.h"
#include "model/sweep_params.h"

namespace baton {
namespace {

std::string html(const std::string& text) { return xml_escape(printable(text)); }

// JSON inside of a script element: "</script>" and "<!--" must not appear in it.
std::string script_json(const Json& json) {
  std::string out;
  for (char c : dump_json(json)) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

Json dimension_json(const Dimension& dimension, const std::vector<Importance>& importance) {
  Json json{{"name", dimension.name}};
  if (dimension.kind == Dimension::Kind::category) {
    json["choices"] = dimension.choices;
  } else {
    json["min"] = dimension.min;
    json["max"] = dimension.max;
    json["log"] = dimension.log;
    json["whole"] = dimension.kind == Dimension::Kind::integer;
  }
  for (const auto& one : importance)
    if (one.name == dimension.name) json["share"] = one.share;
  return json;
}

Json data_of(const Sweep& sweep, const SweepState& state,
             const std::vector<Importance>& importance) {
  Json parameters = Json::array(), trials = Json::array();
  for (const auto& dimension : sweep.spec().space.dimensions)
    parameters.push_back(dimension_json(dimension, importance));
  for (size_t i = 0; i < state.trials.size(); ++i) {
    const SweepTrial& trial = state.trials[i];
    trials.push_back({{"trial", i + 1},
                      {"state", trial_state_name(trial)},
                      {"value", trial.value ? Json(*trial.value) : Json()},
                      {"closed", trial.closed_ms},
                      {"params", params_object(trial.params)}});
    if (auto value = paused_value(trial, sweep.spec())) trials.back()["paused_at"] = *value;
  }
  return Json{{"metric", sweep.spec().metric},
              {"maximize", sweep.spec().maximize},
              {"parameters", std::move(parameters)},
              {"trials", std::move(trials)}};
}

}  // namespace

std::string sweep_plot(const Sweep& sweep, const SweepState& state,
                       const std::vector<Importance>& importance) {
  const std::string title = html(sweep.base.spec.name + " " + sweep.base.id);
  std::string text =
      fmt::format("{}<title>{}</title></head><body>\n<h1>{}</h1>\n", kPlotHead, title, title);
  const int failed = state.counts[static_cast<size_t>(TrialOutcome::failed)];
  text += fmt::format(
      "<p>{}by {}, {} finished{}{}</p>\n",
      sweep.spec().metric.empty()
          ? ""
          : html(sweep.spec().metric) + (sweep.spec().maximize ? " maximized " : " minimized "),
      html(sweep.spec().method), counted(static_cast<uint64_t>(state.closed()), "trial"),
      failed > 0 ? fmt::format(", {} of them failed (not shown)", failed) : "",
      state.best ? fmt::format(", best {} {:.6g} in trial {}", html(sweep.spec().metric),
                               *state.trial(*state.best).value, *state.best)
                 : "");
  text +=
      "<h2>Value over time</h2><div id=\"time\"></div>\n"
      "<h2>Parallel coordinates</h2><p>One line for each trial with a value; the greener, the "
      "better; dashed where it is paused, with what it has reported; dotted past a parameter that "
      "the trial did not use.</p>"
      "<div id=\"parallel\"></div>\n"
      "<h2>Slices</h2><p>Value by each parameter; in brackets, how much of the value's variation "
      "it "
      "explains.</p><div id=\"slices\" class=\"slices\"></div>\n<div id=\"tip\"></div>\n";
  return text + "<script id=\"data\" type=\"application/json\">" +
         script_json(data_of(sweep, state, importance)) + "</script>\n" + kPlotScript;
}

}  // namespace baton
