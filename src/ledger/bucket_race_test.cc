// Two agents started at once on one job in a bucket, again and again, with random delays around
// every request: exactly one owns the job each time. Against the servers that $BATON_TEST_S3,
// $BATON_TEST_AZURE and $BATON_TEST_GCS name (tests/test_s3.py, test_azure.py and test_gcs.py start
// them); without one there is nothing to race on.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "ledger/ledger_test_support.h"
#include "os/clock.h"
#include "store/azure_bucket.h"
#include "store/bucket_store.h"
#include "store/gcs_bucket.h"
#include "store/s3_bucket.h"

namespace baton {
namespace {

constexpr int kRaces = 500;
constexpr int kLongestDelayMs = 6;

class Delayed : public HttpClient {
 public:
  explicit Delayed(uint32_t seed) : random_(seed) {}
  Result<HttpResponse> send(const HttpRequest& request, const Cancel* cancel) override {
    pause();
    auto reply = inner_->send(request, cancel);
    pause();
    return reply;
  }

 private:
  void pause() { clock_.sleep_ms(static_cast<int64_t>(random_() % (kLongestDelayMs + 1))); }
  std::unique_ptr<HttpClient> inner_ = make_http_client();
  std::mt19937 random_;
  SystemClock clock_;
};

using BucketMaker = std::unique_ptr<Bucket> (*)(std::shared_ptr<HttpClient> http, Clock& clock);

std::unique_ptr<Bucket> s3_bucket(std::shared_ptr<HttpClient> http, Clock& clock) {
  S3Place place{"store", "race", std::getenv("BATON_TEST_S3"), "us-east-1", true};
  return make_s3_bucket(place, std::move(http),
                        make_fixed_credentials({"race", "race-secret", "", 0, ""}), clock);
}

std::unique_ptr<Bucket> azure_bucket(std::shared_ptr<HttpClient> http, Clock& clock) {
  std::string endpoint = std::getenv("BATON_TEST_AZURE");
  AzurePlace place{endpoint.substr(endpoint.rfind('/') + 1), "store", "race", endpoint};
  AzureCredentials key{AzureCredentials::Kind::shared_key, std::getenv("BATON_TEST_AZURE_KEY"), 0,
                       ""};
  return make_azure_bucket(place, std::move(http),
                           std::make_shared<FixedCredentials<AzureCredentials>>(key), clock);
}

std::unique_ptr<Bucket> gcs_bucket(std::shared_ptr<HttpClient> http, Clock& clock) {
  GcsPlace place{"store", "race", std::getenv("BATON_TEST_GCS"), ""};
  return make_gcs_bucket(place, std::move(http), nullptr, clock);
}

struct Handle {
  Handle(BucketMaker make, uint32_t seed)
      : store(make_bucket_store(make(std::make_shared<Delayed>(seed), clock), clock, {})) {}
  SystemClock clock;
  std::unique_ptr<ObjectStore> store;
};

struct Racer {
  Result<Event> claimed = Error{Code::permanent, "not run", ""};
  void run(ObjectStore& store, const Job& job, const std::string& name) {
    History history(store, job);
    Status read = history.refresh();
    if (!read.ok()) {
      claimed = read.error();
      return;
    }
    AgentIdentity self;
    self.agent = name + "-" + new_nonce();
    claimed = claim(history, self, 1, 0, false);
  }
};

void race_for_jobs(BucketMaker make) {
  Handle first(make, 1), second(make, 2);
  Ledger ledger(*first.store, first.clock);
  int wins[2] = {0, 0};
  for (int race = 0; race < kRaces; ++race) {
    Job job = make_job(new_job_id(first.clock.wall_ms()));
    ASSERT_TRUE(ledger.add_job(job).ok());
    ASSERT_TRUE(ledger.add_created(job, "").ok());
    Racer a, b;
    std::thread other([&] { b.run(*second.store, job, "b"); });
    a.run(*first.store, job, "a");
    other.join();
    ASSERT_EQ(a.claimed.ok() + b.claimed.ok(), 1) << "race " << race;
    const Racer& loser = a.claimed.ok() ? b : a;
    EXPECT_TRUE(loser.claimed.is(Code::fenced)) << loser.claimed.error().text();
    ++wins[a.claimed.ok() ? 0 : 1];
    auto history = ledger.open(job.id);
    ASSERT_TRUE(history.ok());
    EXPECT_EQ(history->events().size(), 2u);
    EXPECT_EQ(history->events()[1].agent, (a.claimed.ok() ? a : b).claimed->agent);
  }
  std::printf("%d races had one winner\n", wins[0] + wins[1]);
  EXPECT_GT(wins[0], 0);
  EXPECT_GT(wins[1], 0);
}

TEST(BucketRace, OneOfTwoAgentsOwnsTheJob) {
  if (std::getenv("BATON_TEST_S3")) race_for_jobs(&s3_bucket);
}

TEST(BucketRace, OneOfTwoAgentsOwnsTheJobInAzure) {
  if (std::getenv("BATON_TEST_AZURE")) race_for_jobs(&azure_bucket);
}

TEST(BucketRace, OneOfTwoAgentsOwnsTheJobInGoogleCloud) {
  if (std::getenv("BATON_TEST_GCS")) race_for_jobs(&gcs_bucket);
}

}  // namespace
}  // namespace baton
