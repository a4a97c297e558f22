"""baton store copy: between any two stores, cut off and repeated, beside live jobs, never over something else."""
import json
import os
import signal
import time

import pytest

from test_s3 import PROGRAM, aws, cloud, results, s3  # noqa: F401  (fixtures)


def copy(cli, a, b, *words, **options):
    return cli("store", "copy", a, b, *words, **options)


def good(cli, store):
    """Nothing is damaged there; returns the job ids."""
    env = dict(cli.env, BATON_STORE=str(store))
    findings = json.loads(cli("store", "check", "--json", env=env).stdout)["findings"]
    assert not [f for f in findings if not f.get("harmless")], findings
    return sorted(job["id"] for job in json.loads(cli("ps", "-a", "--json", env=env).stdout))


def test_from_a_directory_to_a_bucket_and_back(cloud):
    bucket = cloud.env.pop("BATON_STORE")
    cloud("run", cloud.spec(PROGRAM))
    cloud("run", cloud.spec("exit 3"), check=3)
    jobs = sorted(job["id"] for job in cloud.json("ps", "-a"))
    store = cloud.dir / "home" / "store"
    first = json.loads(copy(cloud, store, bucket, "--json").stdout)
    assert first["jobs"] == 2 and first["objects"] > 10 and first["bytes"] > 9_000_000 and first["refused"] == []
    assert good(cloud, bucket) == jobs
    again = json.loads(copy(cloud, store, bucket, "--json").stdout)
    assert again["objects"] == 0 and again["jobs"] == 2
    copy(cloud, bucket, cloud.dir / "back")
    assert good(cloud, cloud.dir / "back") == jobs
    assert results(cloud, jobs[0], "fetched", BATON_STORE=str(cloud.dir / "back")) == "result\n"
    # Jobs go on in the copy, and what was added is added to another one.
    env = dict(cloud.env, BATON_STORE=bucket)
    cloud("resume", jobs[1], env=env, check=3)
    copy(cloud, bucket, store)
    assert len(cloud.show(jobs[1])["attempts"]) == 2
    assert cloud("store", "copy", store, store, check=2).stderr.count("name two different ones") == 1


def test_what_differs_is_left_and_named(cli):
    cli("run", cli.spec("exit 3"), check=3)
    cli("run", cli.spec("echo fine"))
    store, other = cli.dir / "home" / "store", cli.dir / "other"
    copy(cli, store, other)
    job = [j["id"] for j in cli.json("ps", "-a") if j["state"] == "failed"][0]
    for place in (store, other):  # the same job goes its own way in both
        cli("resume", job, env=dict(cli.env, BATON_STORE=str(place)), check=3)
    before = {p: p.read_bytes() for p in other.rglob("*") if p.is_file()}
    cli("run", cli.spec("echo another"))
    done = copy(cli, store, other, check=1)
    assert f"job {job}" in done.stderr and "nothing is overwritten" in done.stderr
    assert "2 jobs" in done.stdout  # the others are whole
    assert all(p.read_bytes() == content for p, content in before.items())
    assert len(good(cli, other)) == 3


def test_code_of_the_same_name_and_size_is_compared(cloud):
    """With a directory by reading it, with a bucket by the checksum that it tells."""
    bucket = cloud.env.pop("BATON_STORE")
    cloud("run", cloud.spec("echo fine"))
    store = cloud.dir / "home" / "store"
    (code,) = store.glob("code/??/*")
    for other in (cloud.dir / "other", bucket):
        copy(cloud, store, other)
        assert json.loads(copy(cloud, store, other, "--json").stdout)["objects"] == 0
    good = code.read_bytes()
    code.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    for other in (cloud.dir / "other", bucket):
        assert f"holds a different code/{code.parent.name}/{code.name}, and nothing is overwritten" in copy(cloud, store, other, check=1).stderr
    assert next((cloud.dir / "other").glob("code/??/*")).read_bytes() == good


def test_a_store_is_not_copied_into_itself(cli):
    cli("run", cli.spec(PROGRAM))
    store = cli.dir / "home" / "store"
    (cli.dir / "link").symlink_to(store)
    for a, b in ((store, store / "x"), (store / "x", store), (store, cli.dir / "link" / "x" / "y"), (store, cli.dir)):
        assert "lies inside" in cli("store", "copy", a, b, check=2).stderr, (a, b)
    for a, b in ((store, store), (store, f"{store}/"), (cli.dir / "link", store)):
        assert "both stores are" in cli("store", "copy", a, b, check=2).stderr, (a, b)
    assert not (store / "x").exists()
    for a, b in (("s3://b/p", "s3://b/p/q"), ("s3://b/p/q", "s3://b"), ("gs://b", "gs://b/p")):
        assert "lies inside" in cli("store", "copy", a, b, check=2).stderr, (a, b)
    copy(cli, store, cli.dir / "home" / "store2")


def test_a_place_that_was_only_tried_holds_no_store(cli):
    probe = cli.dir / "tried" / "probe" / "one"
    probe.parent.mkdir(parents=True)
    probe.write_text("")
    done = cli("store", "check", "--store", cli.dir / "tried", check=1)
    assert "nothing is stored at" in done.stderr and "missing format file" not in done.stdout + done.stderr


def test_a_store_that_lost_its_format_file(cli):
    cli("run", cli.spec(PROGRAM))
    format_file = cli.dir / "home" / "store" / "baton.json"
    for damage, kind in ((format_file.unlink, "missing format file"), (lambda: format_file.write_text("{"), "damaged format file")):
        damage()
        assert "baton.json" in cli("ps", check=1).stderr
        done = cli("store", "check", check=1)
        assert kind in done.stdout and "1 damaged" in done.stdout and 'put back {"format": 1}' in done.stdout
    format_file.write_text('{"format": 1}')
    assert cli("store", "check").stdout == "nothing is damaged\n"


def test_a_damaged_blob_is_not_spread(cli):
    cli("run", cli.spec(PROGRAM))
    store = cli.dir / "home" / "store"
    blob = max(store.glob("jobs/*/blobs/*/*/*"), key=lambda p: p.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[1000] ^= 1
    blob.write_bytes(content)
    done = copy(cli, store, cli.dir / "other", check=1)
    assert f"{blob.name} is damaged and was not copied" in done.stderr
    assert json.loads(cli("ps", "-a", "--json", env=dict(cli.env, BATON_STORE=str(cli.dir / "other"))).stdout) == []


def test_a_copy_that_was_cut_off_goes_on(cli):
    cli("run", cli.spec("for i in $(seq 300); do head -c 2000000 /dev/urandom > $BATON_CHECKPOINT_DIR/$i; [ $i -lt 60 ] || break; done"))
    store, other = cli.dir / "home" / "store", cli.dir / "other"
    process = cli.start("store", "copy", store, other)
    cli.wait(lambda: len(list(other.glob("jobs/*/blobs/*/*/*"))) > 3, "some blobs")
    process.kill()
    process.wait()
    there = len(list(other.glob("jobs/*/blobs/*/*/*")))
    done = json.loads(copy(cli, store, other, "--json").stdout)
    assert done["jobs"] == 1 and done["present"] >= min(there, 4)
    assert len(good(cli, other)) == 1


def test_beside_a_live_job(cli):
    """A job that commits all the time, copied again and again: every copy is whole by itself."""
    program = """i=0
while [ ! -e $BATON_PREEMPT_FILE ]; do
  i=$((i+1)); head -c 400000 /dev/urandom > $BATON_CHECKPOINT_DIR/w; echo $i > $BATON_CHECKPOINT_DIR/i
  /baton/bin/baton commit || exit 9
  sleep 0.2
done"""
    agent = cli.start("run", cli.spec(program, extra="checkpoint: {keep: 1}\n"))
    cli.wait(lambda: (cli.json("ps") or [{}])[0].get("state") == "running" and cli.show()["commits"], "a commit")
    store = cli.dir / "home" / "store"
    whole = 0
    for n in range(4):
        done = copy(cli, store, cli.dir / "live", "--json", check=None)
        report = json.loads(done.stdout)
        whole += report["jobs"]
        assert all("faster than it can be copied" in line for line in report["refused"])
        if whole:
            good(cli, cli.dir / "live")
    assert whole >= 1
    cli("stop", "latest")
    agent.wait(timeout=60)
    assert json.loads(copy(cli, store, cli.dir / "live", "--json").stdout)["jobs"] == 1
    job = cli.show()["id"]
    live = json.loads(cli("show", job, "--json", env=dict(cli.env, BATON_STORE=str(cli.dir / "live"))).stdout)
    assert live["state"] == "stopped" and len(live["commits"]) == len(cli.show()["commits"])


def test_the_default_store_in_the_config_file(cli):
    config = cli.dir / "config" / "baton" / "config.yaml"
    config.parent.mkdir(parents=True)
    cli.env["XDG_CONFIG_HOME"] = str(cli.dir / "config")
    assert cli.json("doctor")["store_from"] == "the default"
    config.write_text(f"store: {cli.dir}/configured\n")
    cli("run", cli.spec())
    assert (cli.dir / "configured" / "baton.json").exists() and not (cli.dir / "home" / "store").exists()
    doctor = cli.json("doctor")
    assert (doctor["store"], doctor["store_from"]) == (str(cli.dir / "configured"), str(config))
    env = dict(cli.env, BATON_STORE=str(cli.dir / "variable"))
    assert json.loads(cli("doctor", "--json", env=env).stdout)["store_from"] == "BATON_STORE"
    named = json.loads(cli("doctor", "--json", "--store", cli.dir / "named", env=env).stdout)
    assert (named["store"], named["store_from"]) == (str(cli.dir / "named"), "--store")
    assert f"(from {config})" in cli("doctor").stdout
    for text, said in (("stoer: /x\n", ":1:1: unknown key \"stoer\"; did you mean \"store\"?"),
                       ("store: relative\n", ":1:8: store is \"relative\", expected a URL"),
                       ("data_cache: 4X\n", ":1:13: data_cache is \"4X\", expected a size")):
        config.write_text(text)
        assert f"{config}{said}" in cli("ps", check=1).stderr
