#include "model/spec.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

TEST(Spec, ADesignExampleParsesAndSurvivesJson) {
  auto spec = parse_spec(
      "name: fashion-cnn\n"
      "image: {debian: trixie, packages: [python3-torch]}\n"
      "command: python3 train.py --lr ${lr}\n"
      "params: {lr: 0.010}\n",
      "baton.yaml", {});
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->name, "fashion-cnn");
  EXPECT_EQ(*substitute(spec->command, spec->params, true), "python3 train.py --lr 0.010");
  EXPECT_EQ(params_json(spec->params).at("lr"), 0.01);
  auto again = spec_from_json(spec_to_json(*spec));
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(*again, *spec);
}

}  // namespace
}  // namespace baton
