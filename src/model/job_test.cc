#include "model/job.h"

#include <gtest/gtest.h>

namespace baton {
namespace {

Job example() {
  auto spec = parse_spec(
      "name: cnn\nimage: host\ncommand: python3 train.py --lr ${lr}\nparams: {lr: 0.10}\n",
      "baton.yaml", {});
  Job job;
  job.id = "261122-013422-k3f9q2";
  job.created_ms = 1'795'311'262'123;
  job.spec = spec.value();
  job.argv = {"/bin/sh", "-c", "python3 train.py --lr 0.10"};
  job.image = {{"form", "host"}};
  job.code_tree = std::string(64, 'a');
  job.spec_file = "/home/me/baton.yaml";
  job.submitter = "me@laptop";
  job.provenance = {{"git", "abc"}, {"dirty", true}};
  job.nonce = "n0nce";
  return job;
}

TEST(Job, RoundTrips) {
  Job job = example();
  auto read = decode_job(encode_job(job), "job.json");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(encode_job(*read), encode_job(job));
  EXPECT_EQ(read->spec.name, "cnn");
  EXPECT_EQ(read->argv, job.argv);
  EXPECT_EQ(read->code_tree, job.code_tree);
  EXPECT_EQ(read->provenance, job.provenance);
}

TEST(Job, IgnoresUnknownMembers) {
  Json json = parse_json(encode_job(example()), "x").value();
  json["later"] = {1, 2, 3};
  EXPECT_TRUE(decode_job(dump_json(json), "x").ok());
}

TEST(Job, RefusesALaterFormat) {
  Json json = parse_json(encode_job(example()), "x").value();
  json["format"] = kFormatVersion + 1;
  json["spec"] = "something else by then";
  auto read = decode_job(dump_json(json), "job x");
  ASSERT_TRUE(read.is(Code::too_new));
  EXPECT_NE(read.error().message.find("job x has format 2"), std::string::npos);
}

TEST(Job, RefusesEveryMemberOfAnotherTypeOrMissing) {
  Json good = parse_json(encode_job(example()), "x").value();
  for (const char* key : {"format", "id", "spec", "argv", "nonce"}) {
    Json json = good;
    json.erase(key);
    EXPECT_TRUE(decode_job(dump_json(json), "x").is(Code::corrupt)) << key;
  }
  for (const char* key : {"format", "id", "created_ms", "spec", "argv", "code_tree", "spec_file",
                          "submitter", "nonce"}) {
    Json json = good;
    json[key] = Json::array({-1});
    EXPECT_TRUE(decode_job(dump_json(json), "x").is(Code::corrupt)) << key;
  }
}

TEST(Job, RefusesHostileValues) {
  Json good = parse_json(encode_job(example()), "x").value();
  auto refused = [&](const char* key, const Json& value) {
    Json json = good;
    json[key] = value;
    return decode_job(dump_json(json), "x").is(Code::corrupt);
  };
  EXPECT_TRUE(refused("format", 0));
  EXPECT_TRUE(refused("format", 1.5));
  EXPECT_TRUE(refused("id", "../../etc/passwd"));
  EXPECT_TRUE(refused("code_tree", "../x"));
  EXPECT_TRUE(refused("argv", Json::array()));
  EXPECT_TRUE(refused("argv", Json::array({std::string("a\0b", 3)})));
  EXPECT_TRUE(refused("created_ms", UINT64_MAX));
  for (const char* text : {"", "null", "[]", "3", "{", "{\"format\":1}", "\xff"})
    EXPECT_TRUE(decode_job(text, "x").is(Code::corrupt)) << text;
}

}  // namespace
}  // namespace baton
