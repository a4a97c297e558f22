// The state machine, transition by transition.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "model/event.h"

namespace baton {
namespace {

// Folds events, filling in what they need to be possible.
class Story {
 public:
  explicit Story(int retries = 0, std::optional<int> max_preemptions = {})
      : retries_(retries), max_preemptions_(max_preemptions) {}

  Event next(EventType type, Outcome outcome = Outcome::succeeded) const {
    Event event;
    event.number = summary.events + 1;
    event.type = type;
    event.nonce = "n";
    event.at_ms = static_cast<int64_t>(1000 * event.number);
    event.name = "job";
    event.outcome = outcome;
    event.reason = outcome_name(outcome);
    event.ran_ms = type == EventType::ended ? 10 : 0;
    bool of_owner = type == EventType::started || type == EventType::committed ||
                    type == EventType::noticed || type == EventType::ended;
    if (of_owner) event.attempt = summary.attempt;
    if (type == EventType::claimed) event.attempt = summary.attempt + 1;
    if (type == EventType::committed)
      event.commit = fmt::format("{:08}-{}", summary.commits.size() + 1, event.attempt);
    return event;
  }

  bool can(EventType type, Outcome outcome = Outcome::succeeded) const {
    return may_follow(summary, next(type, outcome)).ok();
  }

  Story& then(EventType type, Outcome outcome = Outcome::succeeded) {
    return then(next(type, outcome));
  }
  Story& then(const Event& event) {
    Status allowed = may_follow(summary, event);
    EXPECT_TRUE(allowed.ok()) << (allowed.ok() ? "" : allowed.error().message);
    apply(summary, event, retries_, max_preemptions_);
    return *this;
  }
  Story& run_to(Outcome outcome) {
    return then(EventType::claimed).then(EventType::started).then(EventType::ended, outcome);
  }

  Summary summary;

 private:
  int retries_;
  std::optional<int> max_preemptions_;
};

using enum EventType;

constexpr EventType kAll[] = {created,        claimed,           started, committed, noticed,
                              stop_requested, preempt_requested, ended,   resumed};

// Exactly `allowed` may follow.
void expect_allowed(const Story& story, std::initializer_list<EventType> allowed) {
  for (EventType type : kAll) {
    bool expected = std::find(allowed.begin(), allowed.end(), type) != allowed.end();
    EXPECT_EQ(story.can(type), expected)
        << event_type_name(type) << " after event " << story.summary.events;
  }
}

TEST(Fold, OnlyWhatTheDrawingShowsMayFollow) {
  Story story;
  expect_allowed(story, {created});
  story.then(created);
  expect_allowed(story, {claimed, stop_requested});
  story.then(claimed);
  expect_allowed(story,
                 {claimed, started, committed, noticed, stop_requested, preempt_requested, ended});
  story.then(started);
  expect_allowed(story, {claimed, committed, noticed, stop_requested, preempt_requested, ended});
  for (Outcome outcome : {Outcome::failed, Outcome::stopped}) {
    Story over = story;
    over.then(ended, outcome);
    expect_allowed(over, {resumed});
  }
  Story preempted = story;
  expect_allowed(preempted.then(ended, Outcome::preempted), {claimed, stop_requested});
  Story lost = story;
  expect_allowed(lost.then(ended, Outcome::lost), {claimed, stop_requested});
  expect_allowed(story.then(ended, Outcome::succeeded), {});
}

TEST(Fold, NumbersHaveNoGapsAndAttemptsAreTheCurrentOne) {
  Story story;
  story.then(created).then(claimed).then(claimed);
  Event event = story.next(started);
  event.number += 1;
  EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt));
  event.number -= 2;
  EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt));
  for (EventType type : {started, committed, noticed, ended}) {
    event = story.next(type);
    event.attempt = 1;
    EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt)) << event_type_name(type);
    event.attempt = 3;
    EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt)) << event_type_name(type);
  }
  event = story.next(claimed);
  event.attempt = 2;
  EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt));
  event.attempt = 4;
  EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt));
}

TEST(Fold, CommitsGrow) {
  Story story;
  story.then(created).then(claimed).then(committed).then(committed);
  Event event = story.next(committed);
  event.commit = "00000002-1";
  EXPECT_TRUE(may_follow(story.summary, event).is(Code::corrupt));
  event.commit = "00000009-1";  // numbers may be skipped
  story.then(event);
  EXPECT_EQ(story.summary.commits.size(), 3u);
  EXPECT_EQ(story.summary.attempts[0].commits, 3);
}

TEST(Fold, EndsDecideTheState) {
  EXPECT_EQ(Story().then(created).run_to(Outcome::succeeded).summary.state, State::succeeded);
  EXPECT_EQ(Story().then(created).run_to(Outcome::stopped).summary.state, State::stopped);
  EXPECT_EQ(Story().then(created).run_to(Outcome::preempted).summary.state, State::pending);
  EXPECT_EQ(Story().then(created).run_to(Outcome::lost).summary.state, State::pending);
  for (Outcome outcome : {Outcome::failed, Outcome::oom, Outcome::timeout}) {
    EXPECT_EQ(Story(0).then(created).run_to(outcome).summary.state, State::failed);
    EXPECT_EQ(Story(1).then(created).run_to(outcome).summary.state, State::pending);
    EXPECT_EQ(Story(1).then(created).run_to(outcome).run_to(outcome).summary.state, State::failed);
  }
}

TEST(Fold, PreemptionsDoNotUseUpRetriesNorTheOtherWayRound) {
  Story story(1, 2);
  story.then(created).run_to(Outcome::preempted).run_to(Outcome::failed).run_to(Outcome::lost);
  EXPECT_EQ(story.summary.state, State::pending);
  EXPECT_EQ(story.summary.preemptions, 2);
  EXPECT_EQ(story.summary.failures, 1);
  story.run_to(Outcome::preempted);
  EXPECT_EQ(story.summary.state, State::failed);
}

TEST(Fold, ATakeoverCountsAsLost) {
  Story story;
  story.then(created).then(claimed).then(started).then(preempt_requested).then(claimed);
  EXPECT_EQ(story.summary.state, State::running);
  EXPECT_EQ(story.summary.attempt, 2);
  EXPECT_EQ(story.summary.preemptions, 1);
  ASSERT_TRUE(story.summary.attempts[0].ended);
  EXPECT_EQ(story.summary.attempts[0].ended->outcome, Outcome::lost);
  EXPECT_FALSE(story.summary.attempts[1].ended);
  EXPECT_FALSE(story.summary.preempt_requested);
}

TEST(Fold, AStopRequestStopsAPendingJobAtOnce) {
  Story story;
  story.then(created).run_to(Outcome::preempted).then(stop_requested);
  EXPECT_EQ(story.summary.state, State::stopped);
  EXPECT_EQ(story.summary.outcome, Outcome::stopped);
}

TEST(Fold, AStopRequestMakesEveryEndFinal) {
  for (Outcome outcome : {Outcome::preempted, Outcome::lost, Outcome::failed, Outcome::oom,
                          Outcome::timeout, Outcome::stopped}) {
    Story story(9);
    story.then(created).then(claimed).then(stop_requested).then(ended, outcome);
    EXPECT_EQ(story.summary.state, State::stopped) << outcome_name(outcome);
  }
  Story story;
  story.then(created).then(claimed).then(stop_requested).then(ended, Outcome::succeeded);
  EXPECT_EQ(story.summary.state, State::succeeded);
}

TEST(Fold, AStopRequestSurvivesATakeoverAndEndsWithAResume) {
  Story story;
  story.then(created).then(claimed).then(stop_requested).then(claimed);
  EXPECT_TRUE(story.summary.stop_requested);
  story.then(ended, Outcome::preempted);
  EXPECT_EQ(story.summary.state, State::stopped);
  story.then(resumed);
  EXPECT_EQ(story.summary.state, State::pending);
  EXPECT_FALSE(story.summary.stop_requested);
}

TEST(Fold, AResumeGivesRetriesAndPreemptionsAnew) {
  Story story(1, 1);
  story.then(created).run_to(Outcome::failed).run_to(Outcome::failed);
  ASSERT_EQ(story.summary.state, State::failed);
  story.then(resumed).run_to(Outcome::failed).run_to(Outcome::preempted);
  EXPECT_EQ(story.summary.state, State::pending);
  EXPECT_EQ(story.summary.failures, 3);
  EXPECT_EQ(story.run_to(Outcome::failed).summary.state, State::failed);
}

TEST(Fold, SummaryTellsTimesAndReasons) {
  Story story(5);
  story.then(created).run_to(Outcome::oom).run_to(Outcome::preempted);
  EXPECT_EQ(story.summary.name, "job");
  EXPECT_EQ(story.summary.created_ms, 1000);
  EXPECT_EQ(story.summary.changed_ms, 7000);
  EXPECT_EQ(story.summary.ran_ms, 20);
  EXPECT_EQ(story.summary.reason, "preempted");
  EXPECT_EQ(story.summary.attempts.size(), 2u);
}

}  // namespace
}  // namespace baton
