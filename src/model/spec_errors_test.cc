// What a user reads after a slip: every kind of error with its place, and nothing else.
#include <gtest/gtest.h>

#include "base/text.h"
#include "model/spec.h"

namespace baton {
namespace {

std::string errors_of(const std::string& text) {
  auto spec = parse_spec(text, "baton.yaml", {});
  if (spec.ok()) return "accepted";
  EXPECT_EQ(spec.error().code, Code::invalid);
  return spec.error().message;
}

struct Slip {
  const char* yaml;
  const char* error;
};

class SpecErrors : public testing::TestWithParam<Slip> {};

TEST_P(SpecErrors, IsOneLocatedSentence) {
  EXPECT_EQ(errors_of(GetParam().yaml), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, SpecErrors,
    testing::Values(
        Slip{"command: x\nparams: {a: 1}\ncomand: y\n",
             "baton.yaml:3:1: unknown key \"comand\"; did you mean \"command\"?"},
        Slip{"command: x\nresources:\n  cpu: 1\n",
             "baton.yaml:3:3: unknown key \"cpu\" in resources; did you mean \"cpus\"?"},
        Slip{"command: x\ncheckpoint: {zzz: 1}\n",
             "baton.yaml:2:14: unknown key \"zzz\" in checkpoint; checkpoint takes every, keep"},
        Slip{"name: x\n",
             "baton.yaml: the spec has no command, expected one such as \"command: python3 "
             "train.py\""},
        Slip{"",
             "baton.yaml: the spec has no command, expected one such as \"command: python3 "
             "train.py\""},
        Slip{"just text\n",
             "baton.yaml:1:1: the spec is \"just text\", expected a map (\"key: value\" lines)"},
        Slip{"- a\n", "baton.yaml:1:1: the spec is a list, expected a map (\"key: value\" lines)"},
        Slip{"command: a\ncommand: b\n",
             "baton.yaml:2:1: key \"command\" appears twice, first on line 1; remove one"},
        Slip{"command: x\n\"é é\": {ü: 1}\n",
             "baton.yaml:2:1: unknown key \"é é\"; a spec takes name, image, code, data, command, "
             "params, env, secrets, results, checkpoint, preemption, resources, network, retries, "
             "timeout, sweep"}));

INSTANTIATE_TEST_SUITE_P(
    NotYet, SpecErrors,
    testing::Values(
        Slip{"command: x\nsweep: {trials: 3}\n",
             "baton.yaml:2:8: sweep has no parameters, expected for example "
             "\"parameters: {lr: {min: 1e-5, max: 0.1, scale: log}}\""},
        Slip{"command: x\nimage: {from: a, pip: b}\n",
             "baton.yaml:2:15: image.from is not supported yet\n"
             "baton.yaml:2:23: image.pip is not supported yet"},
        Slip{"command: x\nimage: {dockerfile: Dockerfile}\n",
             "baton.yaml:2:21: image.dockerfile is not supported yet"},
        Slip{"command: x\nimage: {debian: sid, run: [ls]}\n",
             "baton.yaml:2:27: image.run is not supported yet"},
        Slip{"command: x\nimage: nvcr.io/nvidia/pytorch:23.12-py3\n",
             "baton.yaml:2:8: image is \"nvcr.io/nvidia/pytorch:23.12-py3\", but images from a "
             "registry or an archive are not supported yet; use host or {debian: trixie, packages: "
             "[…]}"},
        Slip{"command: x\ndata: {/d: ftp://h/p}\n",
             "baton.yaml:2:12: data /d comes from \"ftp://h/p\", expected a path, or s3://…, "
             "gs://…, "
             "az://… or https://…"},
        Slip{"command: x\ndata: {/d: s3://me:secret@b/p}\n",
             "baton.yaml:2:12: data /d comes from a URL, which has a user name or "
             "password in it; credentials come from the environment"},
        Slip{
            "command: x\ndata: {/d: 'https://h/p?X-Amz-Signature=1'}\n",
            "baton.yaml:2:12: data /d comes from a URL, whose \"X-Amz-Signature\" is a secret, and "
            "specs are kept; name the bucket itself (s3://…, gs://…, az://…)"},
        Slip{"command: x\ndata: {/d: http://h/p}\n",
             "baton.yaml:2:12: data /d comes from \"http://h/p\", which nothing protects on its "
             "way; "
             "use https://, or add the file's sha256"},
        Slip{"command: x\ndata: {/d: {source: ./x, mode: mount}}\n",
             "baton.yaml:2:32: data /d is no bucket, and only buckets have mode: mount; leave it "
             "out"},
        Slip{"command: x\ndata: {/d: {source: s3://b/p, mode: copy}}\n",
             "baton.yaml:2:37: data /d.mode is \"copy\", expected stage or mount"},
        Slip{"command: x\ndata: {/d: {source: https://h/p, sha256: abc}}\n",
             "baton.yaml:2:42: data /d.sha256 is \"abc\", expected the 64 lower-case hex digits "
             "that "
             "sha256sum prints"},
        Slip{"command: x\ndata: {/d: {mode: stage}}\n",
             "baton.yaml:2:12: data /d has no source, expected a path such as ./data or a URL such "
             "as s3://bucket/prefix"},
        Slip{
            "command: x\nresults: ftp://b/p\n",
            "baton.yaml:2:10: results is \"ftp://b/p\", expected a directory, or s3://…, gs://… or "
            "az://…"},
        Slip{"command: x\nresults: https://h/p?sp=rwdl&sig=SECRET\n",
             "baton.yaml:2:10: results has \"sig\" in its URL, which is a secret, and specs are "
             "kept; name the bucket itself (s3://…, gs://…, az://…)"},
        Slip{"command: x\nresults: az://a/c/p?sig=SECRET\n",
             "baton.yaml:2:10: results has \"sig\" in its URL, which is a secret, and specs are "
             "kept; name the bucket itself (s3://…, gs://…, az://…)"},
        Slip{"command: x\nresults: s3://b/p?endpoint=https://h/?sig=SECRET\n",
             "baton.yaml:2:10: results has \"sig\" in its URL, which is a secret, and specs are "
             "kept; name the bucket itself (s3://…, gs://…, az://…)"},
        Slip{"command: x\nresults: https://me:SECRET@h/p\n",
             "baton.yaml:2:10: results has a user name or password in its URL; credentials come "
             "from the environment"},
        Slip{"command: x\nresults: s3://me:SECRET@b/p\n",
             "baton.yaml:2:10: results has a user name or password in its URL; credentials come "
             "from the environment"},
        Slip{"command: x\ncode: https://github.com/a/b\n",
             "baton.yaml:2:7: code from a URL is not supported yet; name a directory"}));

INSTANTIATE_TEST_SUITE_P(
    Values, SpecErrors,
    testing::Values(
        Slip{"command: x\nresources: {memory: 4X}\n",
             "baton.yaml:2:21: resources.memory is \"4X\", expected a size such as 512M or 4G"},
        Slip{"command: x\nresources: {memory: 4}\n",
             "baton.yaml:2:21: resources.memory is \"4\", expected at least 1.0 MiB (units: K, M, "
             "G, T)"},
        Slip{"command: x\nresources: {cpus: -1}\n",
             "baton.yaml:2:19: resources.cpus is \"-1\", expected a number of CPUs such as 2 or "
             "0.5"},
        Slip{"command: x\nresources: {devices: [gpu0]}\n",
             "baton.yaml:2:23: resources.devices[0] is \"gpu0\", expected a CDI device such as "
             "nvidia.com/gpu=all"},
        Slip{"command: x\nresources: 4G\n",
             "baton.yaml:2:12: resources is \"4G\", expected a map (\"key: value\" lines)"},
        Slip{"command: x\ncheckpoint: {every: 30}\n",
             "baton.yaml:2:21: checkpoint.every is \"30\", expected a duration such as 30s, 5m or "
             "12h"},
        Slip{"command: x\ncheckpoint: {every: 1ms}\n",
             "baton.yaml:2:21: checkpoint.every is \"1ms\", expected a duration from 10ms to 365d"},
        Slip{"command: x\ncheckpoint: {keep: 0}\n",
             "baton.yaml:2:20: checkpoint.keep is \"0\", expected a whole number from 1 to 10000"},
        Slip{"command: x\nretries: 010\n",
             "baton.yaml:2:10: retries is \"010\", expected a whole number from 0 to 1000000"},
        Slip{"command: x\nretries: [1]\n",
             "baton.yaml:2:10: retries is a list, expected a whole number from 0 to 1000000"},
        Slip{"command: x\nretries: 1.5\n",
             "baton.yaml:2:10: retries is \"1.5\", expected a whole number from 0 to 1000000"},
        Slip{"command: x\nnetwork: maybe\n",
             "baton.yaml:2:10: network is \"maybe\", expected true or false"},
        Slip{"command: x\npreemption: {signal: SIGKILL}\n",
             "baton.yaml:2:22: preemption.signal is \"SIGKILL\", expected a signal that a program "
             "can "
             "catch, such as SIGTERM, SIGINT or SIGUSR1"},
        Slip{"command: x\npreemption: {max: many}\n",
             "baton.yaml:2:19: preemption.max is \"many\", expected unlimited or a whole number"},
        Slip{"command: x\npreemption: {max: 99999999999999999999}\n",
             "baton.yaml:2:19: preemption.max is \"99999999999999999999\", expected a whole number "
             "from 0 to 1000000"},
        Slip{"command: x\ntimeout: 0s\n",
             "baton.yaml:2:10: timeout is \"0s\", expected a duration from 1ms to 3650d"},
        Slip{"command: x\nname: My Job!\n",
             "baton.yaml:2:7: name is \"My Job!\", expected 1 to 63 lower-case letters, digits, "
             "\".\", \"_\" and \"-\", such as \"my-job\""},
        Slip{"command: x\nname: latest\n",
             "baton.yaml:2:7: name is \"latest\", expected another name, as \"latest\" means the "
             "newest job"},
        Slip{"command:\n",
             "baton.yaml:1:1: command is empty, expected a shell command or a list such as "
             "[python3, train.py]"},
        Slip{"command: [a, {b: c}]\n", "baton.yaml:1:14: command[1] is a map, expected text"}));

INSTANTIATE_TEST_SUITE_P(
    Images, SpecErrors,
    testing::Values(
        Slip{"command: x\nimage: {debian: Trixie}\n",
             "baton.yaml:2:17: image.debian is \"Trixie\", expected a Debian suite such as trixie "
             "or bookworm"},
        Slip{"command: x\nimage: {packages: [git]}\n",
             "baton.yaml:2:8: image does not say what to start from, expected debian: SUITE in it"},
        Slip{"command: x\nimage: {debian: sid, packages: git}\n",
             "baton.yaml:2:32: image.packages is \"git\", expected a list of Debian packages such "
             "as [python3-torch]"},
        Slip{"command: x\nimage: {debian: sid, packages: [-oFoo=1, 'git;ls', 'git=-1']}\n",
             "baton.yaml:2:33: image.packages[0] is \"-oFoo=1\", expected a Debian package, "
             "\"name\" or \"name=version\"\n"
             "baton.yaml:2:42: image.packages[1] is \"git;ls\", expected a Debian package, "
             "\"name\" or \"name=version\"\n"
             "baton.yaml:2:52: image.packages[2] is \"git=-1\", expected a Debian package, "
             "\"name\" or \"name=version\""},
        Slip{"command: x\nimage: {debian: sid, packages: [git=1, git+x, git]}\n",
             "baton.yaml:2:32: image.packages has two versions of git; keep one"},
        Slip{"command: x\nimage: [host]\n",
             "baton.yaml:2:8: image is a list, expected host or a map such as {debian: trixie, "
             "packages: [python3]}"}));

INSTANTIATE_TEST_SUITE_P(
    Mounts, SpecErrors,
    testing::Values(
        Slip{"command: x\ndata: {data: ./d}\n",
             "baton.yaml:2:8: data mounts at \"data\", expected an absolute path such as /data"},
        Slip{"command: x\ndata: {/a/../b: ./d}\n",
             "baton.yaml:2:8: data mounts at \"/a/../b\", expected an absolute path such as /data"},
        Slip{"command: x\ndata: {/: ./d}\n",
             "baton.yaml:2:8: data mounts at \"/\", expected an absolute path such as /data"},
        Slip{"command: x\ndata: {/results/old: ./d}\n",
             "baton.yaml:2:8: data mounts at \"/results/old\", but /results is taken; choose "
             "another path such as /data"},
        Slip{"command: x\ndata: {/a: ./d, /a/b: ./e}\n",
             "baton.yaml:2:17: data mounts at \"/a/b\", but it collides with the mount at \"/a\"; "
             "separate them"},
        Slip{"command: x\ndata: ./data\n",
             "baton.yaml:2:7: data is \"./data\", expected a map of mount points such as {/data: "
             "./data}"},
        Slip{"command: x\ndata: {/data: }\n",
             "baton.yaml:2:8: data /data is empty, expected a path such as ./data or a URL "
             "such as s3://bucket/prefix"}));

INSTANTIATE_TEST_SUITE_P(
    Parameters, SpecErrors,
    testing::Values(
        Slip{"command: a ${lrr}\nparams: {lr: 1}\n",
             "baton.yaml:1:12: command: ${lrr} names no parameter; did you mean \"lr\"?"},
        Slip{"command: a ${HOME}\n",
             "baton.yaml:1:12: command: ${HOME} names no parameter; add it to params, or write "
             "$${HOME} for a shell variable"},
        Slip{"command: a ${x:-1}\n",
             "baton.yaml:1:12: command: ${x:-1} names no parameter; write $${x:-1} to leave it to "
             "the shell"},
        Slip{"command: a ${x\n",
             "baton.yaml:1:10: command: \"${\" has no closing \"}\"; write $${ to leave it to the "
             "shell"},
        Slip{"command: |\n  set -e\n\n  é $${lrr} ${lr} ${lrr}\nparams: {lr: 1}\n",
             "baton.yaml:4:19: command: ${lrr} names no parameter; did you mean \"lr\"?"},
        Slip{"params: {lr: 1}\ncommand: >-\n  a\n  --b ${lrr}\n",
             "baton.yaml:4:7: command: ${lrr} names no parameter; did you mean \"lr\"?"},
        Slip{"command: \"a $\\x7blrr}\"\nparams: {lr: 1}\n# ${lr}\n",
             "baton.yaml:1:10: command: ${lrr} names no parameter; did you mean \"lr\"?"},
        Slip{"command: |\n  python3 - <<EOF\n  print(${lr})\n  EOF\nparams: {lr: 1}\n",
             "baton.yaml:3:9: command: ${lr} stands in a here-document, where a value cannot be "
             "quoted; write $BATON_PARAM_LR there"},
        Slip{
            "command: a `b ${lr}`\nparams: {lr: 1}\n",
            "baton.yaml:1:15: command: ${lr} stands in backquotes, where a value cannot be quoted; "
            "write $BATON_PARAM_LR there"},
        Slip{"command: [a, '${b}']\n",
             "baton.yaml:1:15: command: ${b} names no parameter; add it to params, or write $${b} "
             "for a shell variable"},
        Slip{"command: ${a}\nparams: {a: [1, 2]}\n",
             "baton.yaml:2:13: params.a is a list, expected a number, text, true or false"},
        Slip{"command: x\nparams: {a: }\n",
             "baton.yaml:2:10: params.a is empty, expected a number, text, true or false"},
        Slip{"command: x\nparams: {a: 1e999}\n",
             "baton.yaml:2:13: params.a is \"1e999\", expected a number that fits 64 bits (quote "
             "it to pass it as text)"},
        Slip{"command: x\nparams: {a-b: 1, a_b: 2}\n",
             "baton.yaml:2:18: params.a-b and params.a_b would both be $BATON_PARAM_A_B; rename "
             "one"},
        Slip{"command: x\nenv: {1A: x}\n",
             "baton.yaml:2:7: env has \"1A\", expected a variable name such as OMP_NUM_THREADS"},
        Slip{"command: x\nenv: {BATON_JOB: x}\n",
             "baton.yaml:2:7: env has BATON_JOB, but names beginning with BATON_ are baton's own; "
             "rename it"},
        Slip{"command: x\nenv: {A: [1]}\n",
             "baton.yaml:2:10: env.A is a list, expected text (\"\" for an empty value)"},
        Slip{"command: x\nsecrets: {A: hunter2}\n",
             "baton.yaml:2:10: secrets is a map, expected a list of names such as [HF_TOKEN]; the "
             "values "
             "come from the environment of whoever submits the job"},
        Slip{"command: x\nsecrets: [A, A]\n", "baton.yaml:2:14: secrets[1] repeats A; remove one"},
        Slip{"command: x\nenv: {A: 1}\nsecrets: [A]\n",
             "baton.yaml:3:10: secrets and env both set A; remove it from one"}));

TEST(SpecErrors, AreAllReportedInOnePassUpToTen) {
  std::string text = "command: x\n";
  for (int i = 0; i < 13; ++i) text += "unknown-" + std::to_string(i) + ": 1\n";
  auto lines = split(errors_of(text), '\n');
  ASSERT_EQ(lines.size(), 11u);
  EXPECT_TRUE(starts_with(lines[9], "baton.yaml:11:1: unknown key \"unknown-9\"")) << lines[9];
  EXPECT_EQ(lines[10], "… and 3 more");
}

TEST(SpecErrors, ShowNoControlCharactersAndNoEndlessText) {
  std::string error = errors_of("command: x\nname: \"\\e[31m" + std::string(500, 'a') + "\"\n");
  EXPECT_EQ(error.find('\x1b'), std::string::npos);
  EXPECT_LT(error.size(), 300u) << error;
  error = errors_of("command: x\nnetwork: " + std::string(59, 'a') + "éé\n");
  EXPECT_EQ(error.find("\\x"), std::string::npos) << "cut inside a character: " << error;
  error = errors_of("command: x\nname: \"\\e[31m" + std::string(500, 'a') + "\"\n");
  EXPECT_NE(error.find("\\x1b[31m"), std::string::npos) << error;
}

}  // namespace
}  // namespace baton
