#include "tune/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tune/rng.h"

namespace baton {
namespace {

Codec codec_of(const std::string& text) {
  auto space = space_from_json(*parse_json(text, "test"));
  EXPECT_TRUE(space.ok()) << space.error().message;
  return Codec(*space);
}

const char* kMixed = R"({
  "lr": {"min": 1e-5, "max": 0.1, "scale": "log"},
  "x": {"min": -5, "max": 10},
  "width": {"min": 16, "max": 256, "type": "int", "step": 16},
  "layers": {"min": 1, "max": 64, "type": "int", "scale": "log"},
  "coarse": {"min": 1, "max": 65, "type": "int", "scale": "log", "step": 16},
  "drop": {"min": 0.1, "max": 0.7, "step": 0.1},
  "momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": "sgd"}},
  "optimizer": ["sgd", "adam", 3, true]
})";

Point random_point(Rng& rng, size_t size) {
  Point point(size);
  for (double& coordinate : point) coordinate = rng.uniform();
  return point;
}

TEST(Codec, EveryPointGivesParamsThatFit) {
  Codec codec = codec_of(kMixed);
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    Point point = random_point(rng, codec.size());
    if (i < 200)
      for (double& coordinate : point) coordinate = std::round(coordinate);  // the cube's corners
    Params params = codec.decode(point);
    auto fits = check_params(codec.space(), params);
    ASSERT_TRUE(fits.ok()) << fits.error().message;
  }
}

TEST(Codec, ParamsComeBackAndPointsSnapOnce) {
  Codec codec = codec_of(kMixed);
  Rng rng(2);
  for (int i = 0; i < 2000; ++i) {
    Point snapped = codec.snap(random_point(rng, codec.size()));
    Params params = codec.decode(snapped);
    Params again = codec.decode(codec.encode(params));
    ASSERT_EQ(params.size(), again.size());
    for (size_t k = 0; k < params.size(); ++k) {
      if (params[k].first == "lr" || params[k].first == "x" || params[k].first == "momentum")
        ASSERT_NEAR(params[k].second.get<double>(), again[k].second.get<double>(), 1e-13);
      else
        ASSERT_EQ(params[k].second, again[k].second);
    }
    Point encoded = codec.encode(params);
    for (size_t k = 0; k < snapped.size(); ++k) ASSERT_NEAR(encoded[k], snapped[k], 1e-12);
    ASSERT_EQ(codec.snap(snapped), snapped);
  }
}

TEST(Codec, ScalesArePositions) {
  Codec codec =
      codec_of(R"({"lr": {"min": 1e-4, "max": 1, "scale": "log"}, "x": {"min": -5, "max": 15}})");
  Params params = codec.decode({0.5, 0.25});
  EXPECT_NEAR(params[0].second.get<double>(), 0.01, 1e-15);
  EXPECT_EQ(params[1].second.get<double>(), 0.0);
  EXPECT_EQ(codec.decode({1, 1})[0].second, 1.0);
  EXPECT_EQ(codec.decode({0, 0})[0].second, 1e-4);
}

TEST(Codec, LevelsHaveEqualVolumes) {
  Codec codec = codec_of(R"({"n": {"min": 1, "max": 10, "type": "int"}, "c": ["a", "b", "c"]})");
  std::vector<int> seen(11);
  for (int i = 0; i < 1000; ++i)
    ++seen[codec.decode({(i + 0.5) / 1000, 0})[0].second.get<size_t>()];
  for (size_t n = 1; n <= 10; ++n) EXPECT_EQ(seen[n], 100);
  EXPECT_DOUBLE_EQ(codec.snap({0.37, 0})[0], 0.35);
  EXPECT_EQ(codec.choice(1, 0.34), 1u);
  EXPECT_EQ(codec.choice(1, 1.0), 2u);
  EXPECT_EQ(codec.choices(0), 0u);
  EXPECT_EQ(codec.levels(0), 10u);
}

TEST(Codec, LogarithmicLevelsAllCanBeReached) {
  Codec codec = codec_of(R"({"n": {"min": 1, "max": 64, "type": "int", "scale": "log"},
                             "m": {"min": 1, "max": 65, "type": "int", "scale": "log", "step": 16}})");
  std::set<int64_t> n, m;
  int small = 0;
  for (int i = 0; i < 10000; ++i) {
    Params params = codec.decode({(i + 0.5) / 10000, (i + 0.5) / 10000});
    n.insert(params[0].second.get<int64_t>());
    m.insert(params[1].second.get<int64_t>());
    small += params[0].second.get<int64_t>() <= 8;
  }
  EXPECT_EQ(n.size(), 64u);
  EXPECT_EQ(m, (std::set<int64_t>{1, 17, 33, 49, 65}));
  EXPECT_NEAR(small / 10000.0, std::log(8.5 / 0.5) / std::log(64.5 / 0.5), 1e-3);
}

TEST(Codec, UnusedCoordinatesAreOutsideTheCube) {
  Codec codec = codec_of(kMixed);
  Point point(codec.size(), 0.5);
  EXPECT_FALSE(Codec::used(codec.snap(point)[6]));
  EXPECT_EQ(find_param(codec.decode(point), "momentum"), nullptr);
  point[7] = 0.1;
  EXPECT_EQ(codec.snap(point)[6], 0.5);
  EXPECT_TRUE(find_param(codec.decode(point), "momentum"));
}

TEST(Codec, WalksThroughAllPoints) {
  Codec codec = codec_of(
      R"({"kind": ["a", "b"], "n": {"min": 0, "max": 4, "type": "int", "step": 2, "when": {"kind": "a"}},
                             "deep": {"choices": [1, 2], "when": {"n": [0, 4]}}, "flag": [true, false]})");
  std::set<std::string> seen;
  Point point = codec.first();
  do {
    Json json = Json::object();
    for (const auto& [name, value] : codec.decode(point)) json[name] = value;
    EXPECT_TRUE(check_params(codec.space(), codec.decode(point)).ok());
    EXPECT_EQ(codec.snap(point), point);
    EXPECT_TRUE(seen.insert(dump_json(json)).second);
  } while (codec.next(point));
  // b: 2 flags; a: (n 0 and 4 with two deep each, n 2 with none) times 2 flags.
  EXPECT_EQ(seen.size(), 2u + (2 * 2 + 1) * 2);
  EXPECT_EQ(codec.points(), seen.size());
}

TEST(Codec, EdgesOfLogarithmicScalesHaveFiniteCoordinates) {
  for (const char* text :
       {R"({"x": {"min": 1e-150, "max": 1, "step": 0.1, "scale": "log"}})",
        R"({"x": {"min": 1e-310, "max": 1.7e308, "scale": "log"}})",
        R"({"x": {"min": 1e15, "max": 1000000000000064, "scale": "log"}})",
        R"({"x": {"min": 1, "max": 9007199254740992, "type": "int", "scale": "log"}})"}) {
    Codec codec = codec_of(text);
    for (double u : {0.0, 0.3, 1.0}) {
      Params params = codec.decode({u});
      ASSERT_EQ(params.size(), 1u) << text;
      EXPECT_TRUE(check_params(codec.space(), params).ok()) << text;
      EXPECT_TRUE(Codec::used(codec.encode(params)[0])) << text;
    }
    EXPECT_EQ(codec.levels(0) > 0 ? codec.decode({NAN}).size() : 1u, 1u);
  }
}

TEST(Codec, LevelsThatACoordinateCannotTellApartAreSteppedOver) {
  Codec codec =
      codec_of(R"({"n": {"min": 1, "max": 9007199254740992, "type": "int", "scale": "log"}})");
  Point point = codec.encode({{"n", int64_t{9007199254740992} - 1000}});
  int points = 1;
  while (codec.next(point)) ASSERT_LE(++points, 1500);
  EXPECT_GT(points, 1);
}

TEST(Codec, OfAContinuumTheWalkVisitsTheMiddle) {
  Codec codec = codec_of(R"({"a": ["x", "y"], "r": {"min": 0, "max": 1, "when": {"a": "y"}},
                             "n": {"min": 1, "max": 2, "type": "int"}})");
  std::vector<Point> walk = {codec.first()};
  for (Point point = walk[0]; codec.next(point);) walk.push_back(point);
  const double no = Codec::kUnused;
  EXPECT_EQ(walk, (std::vector<Point>{
                      {0.25, no, 0.25}, {0.25, no, 0.75}, {0.75, 0.5, 0.25}, {0.75, 0.5, 0.75}}));
}

TEST(Codec, CountsPoints) {
  EXPECT_EQ(codec_of(kMixed).points(), 0u);
  EXPECT_EQ(
      codec_of(R"({"n": {"min": 1, "max": 10, "type": "int"}, "c": ["a", "b", "c"]})").points(),
      30u);
  EXPECT_EQ(codec_of(R"({"n": {"min": 0, "max": 9007199254740991, "type": "int", "step": 3},
                         "m": {"min": 0, "max": 9007199254740991, "type": "int", "step": 3}})")
                .points(),
            0u);
}

}  // namespace
}  // namespace baton
