#include "model/spec.h"

#include <gtest/gtest.h>

#include <random>

namespace baton {
namespace {

Result<Spec> parse(const std::string& text) { return parse_spec(text, "baton.yaml", {}); }

TEST(Spec, OnlyACommandIsNeeded) {
  auto spec = parse("command: ./run.sh\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  Spec expected;
  expected.command = "./run.sh";
  EXPECT_EQ(*spec, expected);
  EXPECT_EQ(spec->image.form, ImageSpec::Form::host);
}

TEST(Spec, EveryKeyIsRead) {
  auto spec = parse(R"(
name: fashion-cnn
image:
  debian: trixie
  packages: [python3-torch, octave=9.2.0-3+b1, python3-torch]
code: .
data:
  /data/: ./data
  /models: /srv/models
command: python3 train.py --lr ${lr}
params: {lr: 0.01, epochs: 5, optimizer: adam, nesterov: true, tag: "5"}
env: {OMP_NUM_THREADS: 2, EMPTY: "", VERSION: 3.10}
secrets: [HF_TOKEN]
results: ./out
checkpoint: {every: 90s, keep: 5}
preemption: {grace: 1m30s, signal: usr1, max: 7}
resources: {cpus: 1.5, memory: 4G, gpus: 1, shm: 1G, devices: ["nvidia.com/gpu=0"]}
network: no
retries: 2
timeout: 12h
)");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  Spec expected;
  expected.name = "fashion-cnn";
  expected.image = {ImageSpec::Form::debian, "trixie", {"octave=9.2.0-3+b1", "python3-torch"}};
  expected.code = ".";
  expected.data = {{"/data", "./data"}, {"/models", "/srv/models"}};
  expected.command = "python3 train.py --lr ${lr}";
  expected.params = {
      {"lr", 0.01}, {"epochs", 5}, {"optimizer", "adam"}, {"nesterov", true}, {"tag", "5"}};
  expected.env = {{"OMP_NUM_THREADS", "2"}, {"EMPTY", ""}, {"VERSION", "3.10"}};
  expected.secrets = {"HF_TOKEN"};
  expected.results = "./out";
  expected.checkpoint_every_ms = 90'000;
  expected.checkpoint_keep = 5;
  expected.grace_ms = 90'000;
  expected.signal = "SIGUSR1";
  expected.max_preemptions = 7;
  expected.cpus = 1.5;
  expected.memory = 4ull << 30;
  expected.gpus = 1;
  expected.shm = 1ull << 30;
  expected.devices = {"nvidia.com/gpu=0"};
  expected.network = false;
  expected.retries = 2;
  expected.timeout_ms = 12 * 3'600'000;
  EXPECT_EQ(*spec, expected) << pretty_json(spec_to_json(*spec));
}

TEST(Spec, ACommandListKeepsItsWords) {
  auto spec = parse("command: [python3, -c, 'print(1)', 5, \"\"]\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->command_list, (std::vector<std::string>{"python3", "-c", "print(1)", "5", ""}));
  EXPECT_EQ(spec->command, "");
}

TEST(Spec, EmptyMapsAndListsMayBeLeftBlank) {
  auto spec = parse(
      "command: x\nparams:\nenv:\ndata:\nsecrets:\nresources:\ncheckpoint:\ncode:\ntimeout:\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_FALSE(spec->timeout_ms);
}

TEST(Spec, AliasesAreExpanded) {
  auto spec = parse("command: x\nenv: {A: &value hello, B: *value}\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->env[1].second, "hello");
}

TEST(Params, KeepTheFormTheyWereWrittenIn) {
  auto spec = parse(
      "command: x\n"
      "params: {a: 0.10, b: 1e-3, c: 3.10, d: +5, e: .5, f: 5., g: -0, h: 1E5, i: "
      "12345678901234567890}\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  std::string written;
  for (const auto& [name, value] : spec->params) written += param_text(value) + " ";
  EXPECT_EQ(written, "0.10 1e-3 3.10 +5 .5 5. -0 1E5 12345678901234567890 ");
  EXPECT_EQ(params_json(spec->params),
            Json::parse(R"({"a":0.1,"b":0.001,"c":3.1,"d":5,"e":0.5,"f":5.0,"g":0,"h":100000.0,
                            "i":12345678901234567890})"));
  EXPECT_EQ(*substitute("${a} ${b}", spec->params, true), "0.10 1e-3");
}

TEST(Params, WhatIsNoNumberIsText) {
  auto spec = parse(
      "command: x\n"
      "params: {a: 007, b: 0x1F, c: 1_000, d: yes, e: \"5\", f: 1.2.3, g: 2024-01-01, h: '', i: "
      "1e, j: -, k: .nan, l: inf}\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  for (const auto& [name, value] : spec->params) EXPECT_TRUE(value.is_string()) << name;
  EXPECT_EQ(params_json(spec->params).at("a"), "007");
}

TEST(Params, VariableNames) {
  EXPECT_EQ(param_variable("learning-rate"), "BATON_PARAM_LEARNING_RATE");
  EXPECT_EQ(param_variable("model.depth2"), "BATON_PARAM_MODEL_DEPTH2");
}

TEST(SpecJson, HasTheShapeOfTheYaml) {
  auto spec = parse("command: x\nimage: {debian: trixie}\ntimeout: 1500ms\nparams: {lr: 0.10}\n");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  Json json = spec_to_json(*spec);
  EXPECT_EQ(json["image"]["debian"], "trixie");
  EXPECT_EQ(json["timeout"], "1500ms");
  EXPECT_EQ(json["preemption"]["max"], "unlimited");
  EXPECT_EQ(json["params"]["lr"], Json({{"value", 0.1}, {"text", "0.10"}}));
}

TEST(SpecJson, IsCheckedLikeYaml) {
  Json good = spec_to_json(*parse("command: x\n"));
  auto refused = [&](const char* key, const Json& value) {
    Json json = good;
    json[key] = value;
    auto spec = spec_from_json(json);
    return spec.is(Code::corrupt) ? spec.error().message : "accepted";
  };
  EXPECT_EQ(refused("data", {{"/proc", "x"}}),
            "the job's spec: data mounts at \"/proc\", but /proc is taken; choose another path "
            "such as /data");
  EXPECT_NE(refused("name", "../x"), "accepted");
  EXPECT_NE(refused("name", 5.5e300), "accepted");
  EXPECT_NE(refused("image", {{"debian", "trixie"}, {"packages", {"-oFoo"}}}), "accepted");
  EXPECT_NE(refused("command", std::string("a\0b", 3)), "accepted");
  EXPECT_NE(refused("command", Json::array()), "accepted");
  EXPECT_NE(refused("params", {{"a", {{"b", 1}}}}), "accepted");
  EXPECT_NE(refused("surprise", 1), "accepted");
  EXPECT_TRUE(spec_from_json(Json::array()).is(Code::corrupt));
  EXPECT_TRUE(spec_from_json(Json()).is(Code::corrupt));
}

// Random specs, drawn from everything the rules allow.
class Draw {
 public:
  explicit Draw(uint32_t seed) : random_(seed) {}
  Spec spec();

 private:
  int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  bool coin() { return upto(1) == 1; }
  std::string from(const std::string& alphabet, int least, int most);
  std::string text();
  Json param();

  std::mt19937 random_;
};

std::string Draw::from(const std::string& alphabet, int least, int most) {
  std::string out;
  for (int i = least + upto(most - least); i > 0; --i)
    out += alphabet[static_cast<size_t>(upto(static_cast<int>(alphabet.size()) - 1))];
  return out;
}

std::string Draw::text() {
  static const char* kPieces[] = {"a", "Z", " ",  "\"", "'", "\\", "\n", "\t",   "é",  "😀",
                                  "#", ":", "- ", "{",  "]", "~",  "0",  "true", "$x", "\x01"};
  std::string out = "x";
  for (int i = upto(12); i > 0; --i) out += kPieces[upto(19)];
  return out;
}

Json Draw::param() {
  switch (upto(5)) {
    case 0:
      return coin();
    case 1:
      return static_cast<int64_t>(random_()) - 2'000'000'000;
    case 2:
      return std::uniform_real_distribution<double>(-1e10, 1e10)(random_);
    case 3:
      return {{"value", 0.1}, {"text", "0.1" + from("0", 1, 4)}};
    case 4:
      return "";
    default:
      return text();
  }
}

Spec Draw::spec() {
  const std::string lower = "abcdefghijklmnopqrstuvwxyz";
  Spec spec;
  spec.name = from(lower, 1, 1) + "1" + from(lower + "._-09", 0, 60);
  if (coin()) {
    spec.image = {ImageSpec::Form::debian, from(lower, 1, 9), {}};
    for (int i = upto(3); i > 0; --i)
      spec.image.packages.push_back("p" + std::to_string(9 - i) + from(lower + "+.-", 1, 5) +
                                    (coin() ? "=1" + from("0123:~+.-a", 0, 6) : ""));
    std::sort(spec.image.packages.begin(), spec.image.packages.end());
  }
  if (coin()) spec.code = text();
  for (int i = upto(3); i > 0; --i)
    spec.data.push_back({"/d" + std::to_string(i) + from(lower + "/", 0, 1) + "x", text()});
  if (coin())
    spec.command = text();
  else
    for (int i = upto(3); i >= 0; --i) spec.command_list.push_back(text());
  for (int i = upto(4); i > 0; --i)
    spec.params.emplace_back(from(lower, 1, 8) + std::to_string(i), param());
  for (int i = upto(3); i > 0; --i)
    spec.env.emplace_back(from("ABC_", 1, 6) + std::to_string(i), coin() ? text() : "");
  for (int i = upto(2); i > 0; --i) spec.secrets.push_back("S_" + std::to_string(i));
  spec.results = text();
  spec.checkpoint_every_ms = 10 + upto(100'000'000);
  spec.checkpoint_keep = 1 + upto(9'999);
  spec.grace_ms = upto(86'400'000);
  spec.signal = coin() ? "SIGINT" : "SIGUSR2";
  if (coin()) spec.max_preemptions = upto(1'000'000);
  spec.cpus = coin() ? 0 : 0.01 + std::uniform_real_distribution<double>(0, 64)(random_);
  spec.memory = coin() ? 0 : (1u << 20) + random_();
  spec.gpus = upto(8);
  if (coin()) spec.devices = {"nvidia.com/gpu=all", "example.org/x-y.z=0:1"};
  spec.shm = 4096 + random_();
  spec.network = coin();
  spec.retries = upto(1000);
  if (coin()) spec.timeout_ms = 1 + upto(2'000'000'000);
  return spec;
}

TEST(SpecJson, RoundTripsRandomSpecs) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    Spec spec = Draw(seed).spec();
    Json json = spec_to_json(spec);
    auto stored = parse_json(dump_json(json), "spec");
    ASSERT_TRUE(stored.ok());
    auto again = spec_from_json(*stored);
    ASSERT_TRUE(again.ok()) << "seed " << seed << ": " << again.error().text() << pretty_json(json);
    ASSERT_EQ(*again, spec) << "seed " << seed << "\n"
                            << pretty_json(json) << pretty_json(spec_to_json(*again));
  }
}

}  // namespace
}  // namespace baton
