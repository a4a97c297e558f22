"""Results in a bucket: plain objects from the first commit on, marked when complete, never over anybody else's."""
import json
import urllib.error
import urllib.request

import pytest

from fault_proxy import FaultProxy
from data_places import behind, plain
from test_s3 import aws, cloud, s3  # noqa: F401  (fixtures)


def spec(cloud, program, extra=""):
    cloud.results = f"s3://store/{cloud.prefix}-results"
    return cloud.spec(program, extra=f"results: {cloud.results}\n{extra}")


class Place:
    """What lies below the job's place in the bucket."""

    def __init__(self, cloud, job):
        self.base = f"{cloud.url}/store/{cloud.prefix}-results/{job}"

    def get(self, name):
        try:
            with urllib.request.urlopen(plain("GET", f"{self.base}/{name}"), timeout=30) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return None

    def put(self, name, content):
        urllib.request.urlopen(plain("PUT", f"{self.base}/{name}", content), timeout=30).close()

    def complete(self):
        text = self.get("_baton/complete.json")
        return json.loads(text) if text else None


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


def test_each_commit_is_delivered_and_the_end_is_marked(cloud, s3):
    go = cloud.dir / "go"
    go.mkdir()
    with FaultProxy(s3, lambda *_: None) as proxy, behind(cloud, proxy):
        writes = []
        proxy.plan = lambda n, method, path, h: writes.append(path) if method in ("PUT", "POST") and "-results/" in path else None
        agent = cloud.start("run", spec(cloud, STEPS, f"data: {{/data: {go}}}"))
        job = cloud.wait(lambda: (cloud.json("ps") or [{}])[0].get("id"), "the job")
        place = Place(cloud, job)
        for i in range(1, 5):
            lines = "".join(f"line {n}\n" for n in range(1, i + 1)).encode()
            cloud.wait(lambda want=lines: place.get("log.txt") == want, f"commit {i} in the bucket")
            assert place.complete() is None
            if i == 1:
                assert place.get("gone.txt") == b"gone\n"  # small files come first
                cloud.wait(lambda: len(place.get("large.bin") or b"") == 12_000_000, "the large file in the bucket")
            if i == 2:
                cloud.wait(lambda: place.get("gone.txt") is None, "the removed file to be gone")
            (go / f"go{i}").touch()
        _, said = agent.communicate(timeout=100)
        assert agent.returncode == 0
        for name, at_most in (("same.txt", 1), ("gone.txt", 1), ("log.txt", 4)):
            assert 1 <= len([p for p in writes if name in p]) <= at_most, (name, writes)
        assert len([p for p in writes if "large.bin" in p]) <= 4  # begun, two parts, ended: once
    assert "link is a symlink" in said
    done = place.complete()
    assert done["job"] == job and done["outcome"] == "succeeded" and done["files"] == 5, done
    assert b'"loss"' in place.get("metrics.jsonl") and place.get("metrics.svg").startswith(b"<")
    assert cloud("results", "latest").stdout.strip() == f"{cloud.results}/{job}"
    listing = aws(cloud, "s3", "ls", "--recursive", f"{cloud.results}/{job}/")
    assert [line.split()[-1].split(job + "/")[1] for line in listing.splitlines()] == [
        "_baton/complete.json", "_baton/delivered.json", "large.bin", "log.txt", "metrics.jsonl", "metrics.svg", "sub/same.txt"]
    cloud("results", job, "--to", cloud.dir / "fetched")
    assert (cloud.dir / "fetched" / "log.txt").read_bytes() == place.get("log.txt")


def test_nothing_of_others_is_overwritten(cloud):
    program = """echo mine > $BATON_RESULTS_DIR/a.txt; echo mine > $BATON_RESULTS_DIR/b.txt; echo mine > $BATON_RESULTS_DIR/c.txt
if [ -e $BATON_CHECKPOINT_DIR/was ]; then echo again > $BATON_RESULTS_DIR/b.txt; echo again > $BATON_RESULTS_DIR/c.txt; rm $BATON_RESULTS_DIR/a.txt; exit 0; fi
touch $BATON_CHECKPOINT_DIR/was; /baton/bin/baton commit; echo up
while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"""
    agent = cloud.start("run", spec(cloud, program))
    cloud.wait_for_output("up")
    job = cloud.show()["id"]
    place = Place(cloud, job)
    cloud.wait(lambda: place.get("c.txt") == b"mine\n", "the first commit in the bucket")
    cloud("stop", "latest")
    agent.wait(timeout=60)
    place.put("a.txt", b"edited by somebody\n")
    place.put("b.txt", b"edited too\n")
    place.put("foreign.txt", b"not baton's\n")
    done = cloud("resume", job)
    assert place.get("a.txt") == b"edited by somebody\n"  # not removed
    assert place.get("b.txt") == b"edited too\n"  # not overwritten
    assert place.get("c.txt") == b"again\n"
    assert place.get("foreign.txt") == b"not baton's\n"
    assert "b.txt was changed by somebody else" in done.stderr
    done = place.complete()
    assert done["outcome"] == "succeeded" and any(line.startswith("b.txt was changed") for line in done["left_out"])


@pytest.mark.parametrize("fault", ["reset_request:1000", "lost", "reset_reply:40", "503", "ExpiredToken"])
def test_faults_in_the_middle_of_uploads(cloud, s3, fault):
    """Parts of a large object, their end, and small objects: each fails once at every step; all arrives as it is."""
    seen = set()

    def plan(_number, method, path, _headers):
        if "-results/" not in path or method == "GET" or (method, path) in seen:
            return None
        seen.add((method, path))
        return fault

    program = "head -c 60000000 /dev/urandom > $BATON_RESULTS_DIR/large; sha256sum < $BATON_RESULTS_DIR/large > $BATON_RESULTS_DIR/sum"
    with FaultProxy(s3, plan) as proxy, behind(cloud, proxy):
        cloud("run", spec(cloud, program))
        assert sum(proxy.seen.values()) >= 8, proxy.seen
    place = Place(cloud, cloud.show()["id"])
    import hashlib
    assert hashlib.sha256(place.get("large")).hexdigest() == place.get("sum").split()[0].decode()
    assert place.complete()["files"] == 2


def test_what_the_agent_could_not_deliver_baton_results_delivers(cloud, s3):
    broken = [True]
    plan = lambda n, method, path, h: "AccessDenied" if broken[0] and method == "PUT" and "-results/" in path else None
    with FaultProxy(s3, plan) as proxy, behind(cloud, proxy):
        done = cloud("run", spec(cloud, "echo kept > $BATON_RESULTS_DIR/out.txt"))
        job = cloud.show()["id"]
        assert f"they are safe in the store: baton results {job}" in done.stderr
        place = Place(cloud, job)
        assert place.get("out.txt") is None
        broken[0] = False
        assert cloud("results", job, "--json").stdout.count('"sent": true') == 1
        assert place.get("out.txt") == b"kept\n" and place.complete()["outcome"] == "succeeded"
        assert cloud("results", job, "--json").stdout.count('"sent": false') == 1


def test_a_bucket_that_is_not_there_is_said_before_a_job_is_made(cloud):
    done = cloud("run", cloud.spec(extra="results: s3://no-such-bucket/x\n"), check=1)
    assert "results: " in done.stderr and "bucket" in done.stderr
    assert cloud("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")


def test_a_job_that_goes_on_takes_its_mark_back(cloud):
    program = """[ -e $BATON_CHECKPOINT_DIR/was ] || { touch $BATON_CHECKPOINT_DIR/was; echo 1 > $BATON_RESULTS_DIR/n; exit 3; }
echo up; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"""
    cloud("run", spec(cloud, program), check=3)
    place = Place(cloud, cloud.show()["id"])
    assert place.complete()["outcome"] == "failed" and place.get("n") == b"1\n"
    agent = cloud.start("resume", "latest")
    cloud.wait_for_output("up")
    cloud.wait(lambda: place.complete() is None, "the mark to be gone")
    cloud("stop", "latest")
    agent.wait(timeout=60)
    assert place.complete() is None and place.get("n") == b"1\n"
