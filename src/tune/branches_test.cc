#include "tune/branches.h"

#include <gtest/gtest.h>

#include "tune/testing.h"

namespace baton {
namespace {

// Trials of a space with one parameter for all and one that only some use.
class Branches : public ::testing::Test {
 protected:
  void add(bool second, double cost) {
    trials_.push_back(std::make_unique<Trial>());
    trials_.back()->point = {0.5, second ? 0.5 : Codec::kUnused};
    observations_.push_back({trials_.back().get(), cost});
  }
  // Whether the second branch is in turn, with so many open trials in it.
  bool second(size_t open = 0) {
    Trial trial;
    trial.point = {0.1, 0.1};
    const auto turn = branch_in_turn(observations_, std::vector<const Trial*>(open, &trial));
    EXPECT_FALSE(turn.empty());
    const bool is = Codec::used(turn[0].trial->point[1]);
    for (const Observation& one : turn) EXPECT_EQ(Codec::used(one.trial->point[1]), is);
    return is;
  }

  std::vector<std::unique_ptr<Trial>> trials_;
  std::vector<Observation> observations_;
};

TEST_F(Branches, OneBranchIsEverything) {
  for (const double cost : {3.0, 2.0, 2.5}) add(false, cost);
  EXPECT_EQ(branch_in_turn(observations_, {}).size(), 3U);
}

TEST_F(Branches, TheOneThatGetsOnIsInTurn) {
  for (const double cost : {3.0, 2.0}) add(true, cost);
  for (const double cost : {1.0, 1.0}) add(false, cost);
  EXPECT_TRUE(second()) << "it made progress last, however bad it is";
  EXPECT_FALSE(second(2)) << "what is open there counts as a try in vain";
  for (const double cost : {2.0, 2.5}) add(true, cost);
  EXPECT_FALSE(second());
  for (const double cost : {0.9999, 0.9998}) add(false, cost);
  EXPECT_TRUE(second()) << "so little is no progress";
}

TEST_F(Branches, OfEqualOnesTheSmallerIsInTurn) {
  add(false, 3);
  add(false, 2);
  add(true, 9);
  EXPECT_TRUE(second());
}

}  // namespace
}  // namespace baton
