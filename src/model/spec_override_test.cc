#include <gtest/gtest.h>

#include "base/text.h"
#include "model/spec.h"

namespace baton {
namespace {

constexpr const char* kSpec =
    "command: run ${lr}\n"
    "params: {lr: 0.1, epochs: 5}\n"
    "image: {debian: trixie, packages: [git]}\n";

Result<Spec> with(const std::vector<std::string>& settings, const std::string& text = kSpec) {
  std::vector<Override> overrides;
  for (const auto& setting : settings) {
    auto parsed = parse_override(setting);
    if (!parsed.ok()) return parsed.error();
    overrides.push_back(*parsed);
  }
  return parse_spec(text, "baton.yaml", overrides);
}

std::string error_of(const std::vector<std::string>& settings) {
  auto spec = with(settings);
  return spec.ok() ? "accepted" : spec.error().message;
}

TEST(Override, ReplacesAndCreates) {
  auto spec = with({"params.lr=1e-3", "params.momentum=0.9", "resources.cpus=4",
                    "resources.memory=2G", "image.packages=[octave, \"git\"]",
                    "preemption={grace: 5s}", "data./sets/v1.2=./x", "env.A="});
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(*substitute(spec->command, spec->params, true), "run 1e-3");
  EXPECT_EQ(spec->params.size(), 3u);
  EXPECT_EQ(spec->params[0].first, "lr") << "a replaced key keeps its place";
  EXPECT_EQ(spec->cpus, 4);
  EXPECT_EQ(spec->memory, 2ull << 30);
  EXPECT_EQ(spec->image.packages, (std::vector<std::string>{"git", "octave"}));
  EXPECT_EQ(spec->grace_ms, 5000);
  ASSERT_EQ(spec->data.size(), 1u);
  EXPECT_EQ(spec->data[0].destination, "/sets/v1.2");
  EXPECT_EQ(spec->env[0].second, "");
}

TEST(Override, ReachesIntoASweep) {
  const std::string text =
      "command: run ${lr}\nsweep:\n  metric: {name: loss, goal: minimize}\n"
      "  parameters: {lr: {min: 1, max: 2}}\n";
  auto spec =
      with({"sweep.budget.time=1h", "sweep.parameters.lr.max=9", "sweep.metric.goal=maximize",
            "sweep.parameters.x={min: 0, max: 1}", "command=run ${lr} ${x}"},
           text);
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->sweep->time_ms, 3'600'000);
  EXPECT_TRUE(spec->sweep->maximize);
  EXPECT_EQ(spec->sweep->metric, "loss");
  ASSERT_EQ(spec->sweep->space.dimensions.size(), 2u);
  EXPECT_EQ(spec->sweep->space.dimensions[0].max, 9);
  auto scalar = with({"sweep.metric=loss", "sweep.metric.goal=maximize"}, text);
  ASSERT_FALSE(scalar.ok());
  EXPECT_NE(scalar.error().message.find("sweep.metric is \"loss\", so it has no goal"),
            std::string::npos)
      << scalar.error().message;
  EXPECT_FALSE(with({"sweep..time=1h"}, text).ok());
}

TEST(Override, TakesPlainValuesAsTheyAre) {
  auto spec = with({"command=echo a: b # c \\", "image=host"});
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->command, "echo a: b # c \\");
  EXPECT_EQ(spec->image.form, ImageSpec::Form::host);
  spec = with({"params.lr='5'"});
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->params[0].second, "5") << "quoted: text";
}

TEST(Override, TheLastOneWins) { EXPECT_EQ(with({"retries=1", "retries=2"})->retries, 2); }

TEST(Override, MakesASpecOfNothing) {
  auto spec = with({"command=true"}, "");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->command, "true");
}

TEST(Override, ErrorsCanBePrintedWhateverTheSpecHolds) {
  auto spec = parse_spec("command: x\nparams: {\"lr\\b\": 1}\n", "baton.yaml",
                         {parse_override("params.lr=2").value()});
  ASSERT_FALSE(spec.ok());
  for (const std::string& line : split(spec.error().message, '\n'))
    EXPECT_EQ(printable(line), line);
  EXPECT_NE(spec.error().message.find("did you mean"), std::string::npos);
}

TEST(Override, OneJobMayHaveValuesForWhatASweepSearches) {
  const std::string text =
      "command: run ${value} ${lr}\nparams: {l2: 0.1}\n"
      "sweep: {metric: loss, trials: 2, parameters: {value: {min: 0, max: 1}, lr: {min: 0.1, max: "
      "1}}}\n";
  auto spec = with({"params.value=1", "params.lr=0.5"}, text);
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  auto slip = with({"params.valeu=1"}, text);
  ASSERT_FALSE(slip.ok());
  EXPECT_NE(slip.error().message.find("did you mean \"value\"?"), std::string::npos);
}

TEST(Override, ErrorsNameTheOptionThatStandsForOne) {
  auto spec = parse_spec("command: run\n", "baton.yaml", {{"timeout", "soon", "--timeout"}});
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().message.rfind("--timeout soon: timeout is \"soon\"", 0), 0u)
      << spec.error().message;
}

TEST(Override, ErrorsNameTheSetting) {
  EXPECT_EQ(error_of({"resources.cpus=x"}),
            "--set resources.cpus=x: resources.cpus is \"x\", expected a number of CPUs such as 2 "
            "or 0.5");
  EXPECT_EQ(
      error_of({"resources.memroy=1G"}),
      "--set resources.memroy=1G: unknown key \"memroy\" in resources; did you mean \"memory\"?");
  EXPECT_EQ(error_of({"resuorces.memory=1G"}),
            "--set resuorces.memory=1G: unknown key \"resuorces\"; did you mean \"resources\"?");
  EXPECT_EQ(error_of({"params.epoch=6"}),
            "--set params.epoch=6: the spec has no parameter \"epoch\"; did you mean \"epochs\"? "
            "(if not, add it to params in the spec)");
  EXPECT_EQ(
      error_of({"command.x=1"}),
      "--set command.x=1: command is \"run ${lr}\", so it has no x; set the whole of it, as in "
      "--set 'command={x: …}'");
  EXPECT_EQ(error_of({"image.packages=[git"})
                .rfind("--set image.packages=[git: the value cannot be read: ", 0),
            0u);
  EXPECT_EQ(error_of({"image.packages=[-o]"}),
            "--set image.packages=[-o]: image.packages[0] is \"-o\", expected a Debian package, "
            "\"name\" or \"name=version\"");
  EXPECT_EQ(error_of({".a=1"}), "--set .a=1: the key is not a name such as params.lr");
  EXPECT_EQ(error_of({"params.=1"}), "--set params.=1: the key is not a name such as params.lr");
  EXPECT_EQ(error_of({"name=\xff"}),
            "--set name=\\xff: the value cannot be read: not text in UTF-8");
  EXPECT_EQ(error_of({"\xff=1"}), "--set \\xff=1: the key is not a name such as params.lr");
}

TEST(Override, NeedsAKeyAndAValue) {
  EXPECT_EQ(parse_override("lr").error().message,
            "--set lr has no key and value, expected KEY=VALUE such as params.lr=0.1");
  EXPECT_FALSE(parse_override("=1").ok());
  EXPECT_EQ(parse_override("a=b=c")->value, "b=c");
}

}  // namespace
}  // namespace baton
