"""Commits on a deadline over a slow line: the program is ended early enough for what it has saved to arrive."""
import datetime
import json
import urllib.request

from fault_proxy import FaultProxy
from data_places import behind, plain
from test_s3 import cloud, s3  # noqa: F401  (fixtures)

SIZE = 4_000_000
RATE = 1_000_000  # bytes a second: a commit takes 4 s, more than the tenth of the grace that it has at least


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_what_is_saved_on_a_notice_arrives_before_the_deadline(cloud, s3):
    """The speed is known from an earlier job's commit to this bucket; how much there is to send only after the notice."""
    with FaultProxy(s3, lambda *_: None, upload_rate=RATE) as proxy, behind(cloud, proxy):
        cloud("run", cloud.spec(f"head -c {SIZE} /dev/urandom > $BATON_CHECKPOINT_DIR/w"))
        (known,) = (cloud.dir / "home" / "buckets").glob("commits-*.json")
        (sample,) = json.loads(known.read_text())
        assert sample["new_bytes"] == SIZE and sample["ms"] >= 1000 * SIZE / RATE
        program = f"""trap '' TERM
echo up
while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done
head -c {SIZE} /dev/urandom > $BATON_CHECKPOINT_DIR/w
while :; do sleep 0.05; done"""
        spec = cloud.spec(program, extra="checkpoint: {every: 1h}\npreemption: {grace: 15s}\n")
        agent = cloud.start("run", "--verbose", spec)
        cloud.wait_for_output("up")
        cloud("preempt", "latest")
        cloud.wait(lambda: len(cloud.show()["attempts"]) > 1, "the next attempt")
        shown = cloud.show()
        agent.kill()
        agent.wait()
    notice = shown["attempts"][0]["notice"]
    (commit,) = shown["commits"]
    assert commit["attempt"] == 1 and commit["new_bytes"] == SIZE
    assert moment(commit["at"]) < moment(notice["at"]) + notice["deadline_in_ms"] / 1000


def test_only_what_changed_is_sent(cloud, s3):
    """Of a checkpoint of 12 MB, the part that changed; nothing of it twice."""
    sent = {}

    def plan(_number, method, path, headers):
        if method == "PUT" and "/blobs/" in path:
            sent[path] = int(headers["Content-Length"])

    program = f"""i=0
while [ $i -lt 3 ]; do
  i=$((i+1)); [ $i -eq 1 ] && head -c {12 << 20} /dev/urandom > $BATON_CHECKPOINT_DIR/w
  head -c 1000 /dev/urandom | dd of=$BATON_CHECKPOINT_DIR/w bs=1000 seek=1 conv=notrunc status=none
  /baton/bin/baton commit || exit 9
done"""
    with FaultProxy(s3, plan) as proxy, behind(cloud, proxy):
        cloud("run", cloud.spec(program))
    assert len(sent) == 3 + 2 and sum(sent.values()) < (12 + 2 * 4 + 1) << 20, sent
    assert [c["new_bytes"] for c in cloud.show()["commits"]] == [12 << 20, 4 << 20, 4 << 20]


def test_the_order_of_what_is_sent_on_a_notice(cloud, s3):
    """The final commit, whole; then the rest of the output, which nobody else has; and what can be made from the commit last, by
    the next attempt: the results. Every line of them is there once."""
    writes = []
    program = """trap '' TERM
i=$(cat $BATON_CHECKPOINT_DIR/i 2>/dev/null || echo 0)
while [ $i -lt 8 ]; do
  [ $i -eq 4 ] && [ $BATON_ATTEMPT -eq 1 ] && { echo half; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.02; done
    head -c 5000000 /dev/urandom > $BATON_CHECKPOINT_DIR/w; echo last words; exit 0; }
  i=$((i+1)); echo "line $i" >> $BATON_RESULTS_DIR/log.csv; echo $i > $BATON_CHECKPOINT_DIR/i
done"""
    with FaultProxy(s3, lambda n, method, path, h: writes.append(path) if method in ("PUT", "POST") else None) as proxy, \
            behind(cloud, proxy):
        results = f"s3://store/{cloud.prefix}-results"
        agent = cloud.start("run", cloud.spec(program, extra=f"checkpoint: {{every: 1h}}\nresults: {results}\n"))
        cloud.wait_for_output("half")
        cloud("preempt", "latest")
        assert agent.wait(timeout=100) == 0, agent.stderr.read()
    job = cloud.show()["id"]
    at = lambda part: [n for n, path in enumerate(writes) if part in path]
    (manifest,) = at("/commits/00000001-1.json")
    assert max(at("/blobs/1/")) < manifest < max(at("/logs/1/")) < min(at("-results/"))
    assert "last words" in cloud("logs", job, "--attempt", "1").stdout
    with urllib.request.urlopen(plain("GET", f"{cloud.url}/store/{cloud.prefix}-results/{job}/log.csv"), timeout=30) as reply:
        assert reply.read().decode() == "".join(f"line {n}\n" for n in range(1, 9))
