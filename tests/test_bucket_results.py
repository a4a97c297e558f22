"""Results in a bucket: plain objects from the first commit on, marked when complete, never over anybody else's. In each of the
three clouds, in a bucket of their own."""
import base64
import hashlib
import json
import struct

import pytest

from data_places import S3Place, az_cloud, cloud, gcs, gs_cloud, place, s3, server  # noqa: F401  (fixtures)
from gcs_server import load_crc32c
from test_s3 import aws

BUCKET = "results"


class Results:
    """What lies below a job's place, or will."""

    def __init__(self, place):
        self.place, self.cli, self.job = place, place.cli, None
        place.make(BUCKET)
        self.url = f"{place.scheme}{BUCKET}/{place.cli.prefix}"

    def spec(self, program, extra=""):
        return self.cli.spec(program, extra=f"results: {self.url}\n{extra}")

    def name(self, name):
        self.job = self.job or self.cli.show()["id"]
        return f"{self.cli.prefix}/{self.job}/{name}"

    def get(self, name):
        return self.place.get(self.name(name), BUCKET)

    def put(self, name, content):
        self.place.put(self.name(name), content, bucket=BUCKET)

    def names(self):
        return self.place.names(self.name(""), BUCKET)

    def complete(self):
        text = self.get("_baton/complete.json")
        return json.loads(text) if text else None

    def is_write(self, method, path):
        return method in ("PUT", "POST") and self.place.is_in(BUCKET, path)


@pytest.fixture
def results(place):
    return Results(place)


STEPS = """
r=$BATON_RESULTS_DIR
mkdir -p $r/sub
head -c 12000000 /dev/urandom > $r/large.bin
echo same > $r/sub/same.txt; echo gone > $r/gone.txt
i=$(cat $BATON_CHECKPOINT_DIR/i 2>/dev/null || echo 0)
while [ $i -lt 4 ]; do
  i=$((i+1)); echo "line $i" >> $r/log.txt; echo $i > $BATON_CHECKPOINT_DIR/i
  if [ $i -eq 2 ]; then rm $r/gone.txt; fi
  /baton/bin/baton commit || exit 8
  while [ ! -e /data/go$i ]; do sleep 0.02; done
done
echo '{"step": 1, "loss": 0.5}' >> $BATON_METRICS_FILE
ln -s sub/same.txt $r/link
"""


def test_each_commit_is_delivered_and_the_end_is_marked(results, place):
    cli, go, writes = place.cli, place.cli.dir / "go", []
    go.mkdir()
    with place.through(lambda n, method, path, h: writes.append(path) if results.is_write(method, path) else None):
        agent = cli.start("run", results.spec(STEPS, f"data: {{/data: {go}}}"))
        results.job = cli.wait(lambda: (cli.json("ps") or [{}])[0].get("id"), "the job")
        for i in range(1, 5):
            lines = "".join(f"line {n}\n" for n in range(1, i + 1)).encode()
            cli.wait(lambda want=lines: results.get("log.txt") == want, f"commit {i} in the bucket")
            assert results.complete() is None
            if i == 1:
                assert results.get("gone.txt") == b"gone\n"  # small files come first
                cli.wait(lambda: len(results.get("large.bin") or b"") == 12_000_000, "the large file in the bucket")
            if i == 2:
                cli.wait(lambda: results.get("gone.txt") is None, "the removed file to be gone")
            (go / f"go{i}").touch()
        _, said = agent.communicate(timeout=100)
        assert agent.returncode == 0
    if place.scheme != "gs://":  # whose paths do not tell what is written
        for name, at_most in (("same.txt", 1), ("gone.txt", 1), ("log.txt", 4)):
            assert 1 <= len([p for p in writes if name in p]) <= at_most, (name, writes)
        assert len([p for p in writes if "large.bin" in p]) <= 4  # begun, two parts, ended: once
    assert "link is a symlink" in said
    done = results.complete()
    assert done["job"] == results.job and done["outcome"] == "succeeded" and done["files"] == 5, done
    assert b'"loss"' in results.get("metrics.jsonl") and results.get("metrics.svg").startswith(b"<")
    assert cli("results", "latest").stdout.strip() == f"{results.url}/{results.job}"
    assert results.names() == ["_baton/complete.json", "_baton/delivered.json", "large.bin", "log.txt", "metrics.jsonl",
                               "metrics.svg", "sub/same.txt"]
    cli("results", results.job, "--to", cli.dir / "fetched")
    assert (cli.dir / "fetched" / "log.txt").read_bytes() == results.get("log.txt")


EDITED = """r=$BATON_RESULTS_DIR; c=$BATON_CHECKPOINT_DIR
if [ -e $c/was ]; then rm $r/gone2; echo again > $r/edited2; echo again > $r/ours2; exit 0; fi
for f in gone edited ours; do echo mine > $r/${f}1; echo mine > $r/${f}2; done
/baton/bin/baton commit; while [ ! -e /data/go ]; do sleep 0.05; done
rm $r/gone1; echo again > $r/edited1; echo again > $r/ours1
touch $c/was; /baton/bin/baton commit; echo up
while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"""


def test_nothing_of_others_is_overwritten(results, place):
    """Edits of the same size, while the attempt that wrote the objects is alive, and between two attempts."""
    cli, go = place.cli, place.cli.dir / "go"
    go.mkdir()
    agent = cli.start("run", results.spec(EDITED, f"data: {{/data: {go}}}"))
    cli.wait(lambda: (cli.json("ps") or [{}])[0].get("id"), "the job")
    cli.wait(lambda: "ours2" in (results.get("_baton/delivered.json") or b"").decode() and results.get("ours2"),
             "the first commit in the bucket")
    cli.wait(lambda: all(results.get(name + n) for name in ("gone", "edited", "ours") for n in "12"), "all of it")
    for name in ("gone1", "edited1"):
        results.put(name, b"edit\n")
    results.put("foreign", b"not baton's\n")
    (go / "go").touch()
    cli.wait_for_output("up")
    cli.wait(lambda: results.get("ours1") == b"again\n", "the second commit in the bucket")
    cli("stop", "latest")
    _, said = agent.communicate(timeout=60)
    assert "edited1 was changed by somebody else" in said
    for name in ("gone2", "edited2"):
        results.put(name, b"edit\n")
    done = cli("resume", results.job)
    assert "edited2 was changed by somebody else" in done.stderr
    for n in "12":
        assert results.get("gone" + n) == results.get("edited" + n) == b"edit\n"
        assert results.get("ours" + n) == b"again\n"
    assert results.get("foreign") == b"not baton's\n"
    done = results.complete()
    assert done["outcome"] == "succeeded"
    assert [line.split()[0] for line in done["left_out"] if "was changed" in line] == ["edited1", "edited2"]


def test_after_a_crash_one_knows_ones_own_writes(results, place):
    """The agent is killed when it has written the objects and not yet noted it: the next one takes its own for its own, not
    what somebody has put there since."""
    cli = place.cli
    program = """was=$BATON_CHECKPOINT_DIR/was; line=1st; [ -e $was ] && line=second
for f in ours edited; do echo $line > $BATON_RESULTS_DIR/$f; done
[ -e $was ] && exit 0
touch $was; /baton/bin/baton commit; echo up; while :; do sleep 0.05; done"""
    writes = []

    def plan(_number, method, path, _headers):
        if results.is_write(method, path):
            writes.append(path)
            return "503" if len(writes) > 3 else None  # what is to come, two objects, what has come

    with place.through(plan):
        agent = cli.start("run", results.spec(program))
        cli.wait_for_output("up")
        cli.wait(lambda: len(writes) > 3, "the objects")
        agent.kill()
        agent.wait()
    record = json.loads(results.get("_baton/delivered.json"))["files"]
    assert record["ours"]["pending"] and record["edited"]["pending"]
    assert results.get("ours") == results.get("edited") == b"1st\n"
    results.put("edited", b"2nd\n")
    done = cli("resume", results.job)
    assert results.get("ours") == b"second\n" and results.get("edited") == b"2nd\n"
    assert "edited was changed by somebody else" in done.stderr and "ours was" not in done.stderr


def test_large_objects_have_their_checksum_as_metadata(cloud, s3):
    """Where the service knows none of its own: moto keeps none of an upload in parts."""
    at_s3 = Results(S3Place(cloud, s3))
    cloud("run", at_s3.spec("head -c 9000000 /dev/zero > $BATON_RESULTS_DIR/large"))
    told = json.loads(aws(cloud, "s3api", "head-object", "--bucket", BUCKET, "--key", at_s3.name("large")))
    want = json.loads(at_s3.get("_baton/delivered.json"))["files"]["large"]
    assert told["Metadata"]["baton-crc32c"] == base64.b64encode(struct.pack(">I", want["crc32c"])).decode()
    assert want["crc32c"] == load_crc32c()(bytes(9_000_000)) and want["version"] == told["ETag"]


@pytest.mark.parametrize("fault", ["reset_request:1000", "lost", "reset_reply:40", "503", "expired"])
def test_faults_in_the_middle_of_uploads(results, place, fault):
    """Parts of a large object, their end, and small objects: each fails once at every step; all arrives as it is."""
    seen, cli, fault = {}, place.cli, place.expired if fault == "expired" else fault

    def plan(_number, method, path, _headers):
        if not place.is_in(BUCKET, path) or method == "GET":
            return None
        count = seen[method, path] = seen.get((method, path), -1) + 1
        # Google's uploads are all alike: every third fails.
        return fault if count == 0 or (count % 3 == 0 and "uploadType" in path) else None

    program = "head -c 60000000 /dev/urandom > $BATON_RESULTS_DIR/large; sha256sum < $BATON_RESULTS_DIR/large > $BATON_RESULTS_DIR/sum"
    with place.through(plan) as proxy:
        cli("run", results.spec(program))
        assert sum(proxy.seen.values()) >= (4 if place.scheme == "gs://" else 8), proxy.seen
    assert hashlib.sha256(results.get("large")).hexdigest() == results.get("sum").split()[0].decode()
    assert results.complete()["files"] == 2
    assert results.names() == ["_baton/complete.json", "_baton/delivered.json", "large", "sum"]


def test_what_the_agent_could_not_deliver_baton_results_delivers(results, place):
    broken, cli = [True], place.cli
    with place.through(lambda n, method, path, h: place.denied if broken[0] and results.is_write(method, path) else None):
        done = cli("run", results.spec("echo kept > $BATON_RESULTS_DIR/out.txt"), check=1)
        assert results.get("out.txt") is None
        assert f"they are safe in the store: baton results {results.job}" in done.stderr
        broken[0] = False
        assert cli("results", results.job, "--json").stdout.count('"sent": true') == 1
        assert results.get("out.txt") == b"kept\n" and results.complete()["outcome"] == "succeeded"
        assert cli("results", results.job, "--json").stdout.count('"sent": false') == 1


def test_a_bucket_that_is_not_there_is_said_before_a_job_is_made(place):
    done = place.cli("run", place.cli.spec(extra=f"results: {place.scheme}no-such-bucket/x\n"), check=1)
    assert "results: " in done.stderr and ("bucket" in done.stderr or "container" in done.stderr)
    assert place.cli("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")


def test_a_job_that_goes_on_takes_its_mark_back(results, place):
    program = """[ -e $BATON_CHECKPOINT_DIR/was ] || { touch $BATON_CHECKPOINT_DIR/was; echo 1 > $BATON_RESULTS_DIR/n; exit 3; }
echo up; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"""
    cli = place.cli
    cli("run", results.spec(program), check=3)
    assert results.complete()["outcome"] == "failed" and results.get("n") == b"1\n"
    agent = cli.start("resume", "latest")
    cli.wait_for_output("up")
    cli.wait(lambda: results.complete() is None, "the mark to be gone")
    cli("stop", "latest")
    agent.wait(timeout=60)
    assert results.complete() is None and results.get("n") == b"1\n"
