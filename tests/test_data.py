"""Data from buckets: fetched once, pinned, taken up again, bounded, and never half there."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.request

import pytest

from data_places import S3Place, az_cloud, cloud, expected, gcs, gs_cloud, place, plain, s3, server, spec, sums  # noqa: F401  (fixtures)
from test_s3 import aws

FILES = {"a.txt": b"one\n", "deep/er/b.bin": os.urandom(300_000), "large.bin": os.urandom(40 << 20), "empty": b"",
         "name with spaces & ümläut+%.txt": b"odd\n", "a+b": b"plus\n", "a b": b"space\n", "a%2Bb+c d": b"both\n",
         "deep/ blanks at both ends ": b"blank\n"}


def test_a_bucket_is_fetched_once_and_read_only(place):
    cli = place.cli
    url = place.upload(FILES)
    program = """find /data -type f | sort | tr '\\n' '\\0' | xargs -0 sha256sum > $BATON_RESULTS_DIR/sums
touch /data/a.txt /data/new 2>/dev/null && exit 9
exit 0"""
    with place.behind() as proxy:
        cli("run", spec(cli, url, program))
        assert len(proxy.read) == 8, proxy.read  # an empty file needs no request
        before = dict(proxy.read)
        cli("run", spec(cli, url, program))
        assert proxy.read == before
    assert sums(cli) == expected(FILES)
    assert "9 files with" in cli("show", "latest").stdout


def test_one_object(place):
    cli = place.cli
    url = place.upload({"deep/one.bin": b"just this one"})
    cli("run", cli.spec("cat /data/x.bin > $BATON_RESULTS_DIR/sums", extra=f"data: {{/data/x.bin: {url}/deep/one.bin}}\n"))
    assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text() == "just this one"
    done = cli("run", spec(cli, url + "/nothing"), check=1)
    assert "there is nothing at" in done.stderr
    assert len(cli.json("ps", "-a")) == 1  # no job was made


def test_fetching_goes_on_where_it_was_cut_off(place):
    """Killed in the middle: whole files and whole parts of large ones are not fetched again."""
    cli = place.cli
    files = {f"f{i:02}": os.urandom(100_000) for i in range(30)} | {"large": os.urandom(100 << 20)}
    url = place.upload(files)
    gate = threading.Event()
    with place.behind(lambda name, begin: "drip:200" if begin >= 48 << 20 and not gate.is_set() else None) as proxy:
        agent = cli.start("run", spec(cli, url))
        cache = cli.dir / "home" / "cache" / "data"
        cli.wait(lambda: sum(len(p.read_text().split()) // 2 for p in cache.glob("*.building/parts/*.done")) >= 2
                 and len(list(cache.glob("*.building/tree/f*"))) == 30, "half of the data")
        agent.kill()
        agent.wait()
        gate.set()
        before = dict(proxy.read)
        cli("resume", "latest")
        again = {name: n - before.get(name, 0) for name, n in proxy.read.items() if n > before.get(name, 0)}
    assert [name for name in again if name.endswith("-set/large")] == list(again)
    assert sums(cli) == expected(files)
    assert 1 <= sum(again.values()) <= 5, again
    assert not list(cache.glob("*.building"))


@pytest.mark.parametrize("kind", ["reset_reply", "truncate", "corrupt"])
def test_faults_in_the_middle_of_a_download(place, kind):
    """Resets and ends at every class of offset (head, its end, first byte, middle, last byte of the body), and turned bits."""
    cli, corrupt = place.cli, kind == "corrupt"
    files = {f"f{i}": os.urandom(20_000 if corrupt else 200_000) for i in range(6)}
    if not corrupt:
        files["large"] = os.urandom(20 << 20)
    url = place.upload(files, **({"checksum": True} if corrupt else {}))
    hit = {}

    def plan(name, _begin):
        turn = hit[name] = hit.get(name, 0) + 1
        offsets = [0, 1, 17, 400, 700, 100_000, 200_000]
        if turn > len(offsets) or (corrupt and turn > 2):
            return None
        return f"{kind}:{offsets[turn - 1]}"

    with place.behind(plan) as proxy:
        cli("run", spec(cli, url))
        assert proxy.seen[kind] >= 8
    assert sums(cli) == expected(files)


def test_data_that_changed_is_told(place, tmp_path):
    cli = place.cli
    url = place.upload({"a": b"1", "b": b"2"})
    waits = "; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"
    agent = cli.start("run", spec(cli, url, "cat /data/a" + waits))
    cli.wait_for_output("1")
    cli("stop", "latest")
    agent.wait(timeout=60)
    place.upload({"b": b"changed"})
    elsewhere = dict(cli.env, BATON_HOME=str(tmp_path / "elsewhere"))
    done = cli("resume", "latest", env=elsewhere, check=1)
    assert "is not what it was when the job was submitted: 2 files with 2 B then, 2 files with 8 B now" in done.stderr
    # On the machine that has it, the job goes on with the data that it had.
    agent = cli.start("resume", "latest")
    cli.wait(lambda: len(cli.show()["attempts"]) == 3 and cli.show()["state"] == "running", "attempt 3")
    cli("stop", "latest")
    agent.wait(timeout=60)


def test_data_that_was_put_back_is_the_same(cloud, s3):
    """In S3, where the version is the content's own."""
    place = S3Place(cloud, s3)
    url = place.upload({"a": b"1"})
    cloud("run", spec(cloud, url, "[ $BATON_ATTEMPT -gt 1 ]"), check=1)
    shutil.rmtree(cloud.dir / "home" / "cache" / "data")
    place.upload({"a": b"2"})
    assert "is not what it was" in cloud("resume", "latest", check=1).stderr
    place.upload({"a": b"1"})
    cloud("resume", "latest")


@pytest.mark.parametrize("kind", ["single part", "several parts"])
def test_turned_bits_of_what_has_no_crc(place, kind):
    """Of what other tools have uploaded, services know the MD5: a single part's, and a large file's that comes in several."""
    cli = place.cli
    files = {"f": os.urandom(100_000)} if kind == "single part" else {"f": os.urandom(20 << 20)}
    url = place.upload(files)
    with place.behind(lambda name, begin: "corrupt" if proxy.read[name] == 1 else None) as proxy:
        cli("run", spec(cli, url))
        assert proxy.seen == {"corrupt": 1}
        assert sum(proxy.read.values()) == (2 if kind == "single part" else 4)
    assert sums(cli) == expected(files)


def test_turned_bits_of_what_aws_uploaded_in_parts(cloud, s3, tmp_path):
    """The ETag is then the MD5 of the parts' MD5s, of 8 MiB each; baton reads in other parts."""
    place = S3Place(cloud, s3)
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20 << 20))
    name = f"{cloud.prefix}-set/f"
    aws(cloud, "s3", "cp", "--quiet", str(large), f"s3://store/{name}")
    with urllib.request.urlopen(plain("HEAD", f"{s3}/store/{name}"), timeout=60) as reply:
        assert reply.headers["ETag"].endswith('-3"')
    with place.behind(lambda name, begin: "corrupt" if proxy.read[name] == 1 else None) as proxy:
        cloud("run", spec(cloud, f"s3://store/{cloud.prefix}-set"))
        assert proxy.seen == {"corrupt": 1} and proxy.read == {name: 4}
    assert sums(cloud) == expected({"f": large.read_bytes()})


def test_a_file_replaced_by_the_same_content_is_gone_on_with(place):
    cli = place.cli
    content = os.urandom(20 << 20)
    url = place.upload({"b": content})
    replaced = []

    def plan(_name, begin):
        if begin and not replaced:
            replaced.append(place.upload({"b": content}))

    with place.behind(plan):
        cli("run", spec(cli, url))
    assert replaced and sums(cli) == expected({"b": content})


@pytest.mark.parametrize("begin", [0, 16 << 20])
def test_a_file_replaced_while_it_is_fetched(place, begin):
    """Between the listing and its first part, and between two parts: what the job was submitted with is not to be had any more."""
    cli = place.cli
    url = place.upload({"a": b"x" * 1000, "b": b"y" * (20 << 20)})
    replaced = []

    def plan(name, at):
        if name.endswith("-set/b") and at == begin and not replaced:
            replaced.append(place.upload({"b": b"z" * (20 << 20)}))

    with place.behind(plan):
        done = cli("run", spec(cli, url), check=1)
    assert replaced and "it was replaced meanwhile" in done.stderr, done.stderr
    assert "submit the job again" in done.stderr


def test_the_cache_is_bounded_and_keeps_what_is_used(cloud, s3):
    place = S3Place(cloud, s3)
    urls = [place.upload({f"{name}.bin": os.urandom(3 << 20)}, prefix=name) for name in "abcd"]
    cloud.env["BATON_DATA_CACHE"] = "10M"
    hold = cloud.start("run", spec(cloud, urls[0], "echo up; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"))
    cloud.wait_for_output("up")
    held = cloud.show()["id"]
    for url in urls[1:]:
        cloud("run", spec(cloud, url, where="other"))
    cache = cloud.dir / "home" / "cache" / "data"
    there = {p.name for p in cache.glob("*/data/*.bin")}
    assert there == {"a.bin", "c.bin", "d.bin"}, there  # a is held, b was used longest ago
    assert len([p for p in cache.glob("files/*/*")]) == 3
    big = place.upload({"big.bin": os.urandom(11 << 20)}, prefix="big")
    done = cloud("run", spec(cloud, big, where="other"), check=1)
    assert re.search(r"data /data: it has \S+ MiB, and the cache of data may hold 10\S* MiB", done.stderr), done.stderr
    assert "BATON_DATA_CACHE" in done.stderr
    cloud("stop", held)
    hold.wait(timeout=60)


def test_two_jobs_fetch_the_same_data_at_once(cloud, s3):
    files = {f"f{i}": os.urandom(50_000) for i in range(20)}
    place = S3Place(cloud, s3)
    url = place.upload(files)
    with place.behind(lambda *_: "drip") as proxy:
        path = spec(cloud, url)
        both = [cloud.start("run", path) for _ in range(2)]
        for agent in both:
            assert agent.wait(timeout=100) == 0, agent.stderr.read()
        assert sum(proxy.read.values()) == 20
    for job in cloud.json("ps", "-a"):
        assert sums(cloud, job["id"]) == expected(files)


def test_what_a_source_shares_with_another_is_not_fetched_again(cloud, s3):
    place = S3Place(cloud, s3)
    url = place.upload({"a": b"a" * 1000, "b": b"b" * 1000})
    with place.behind() as proxy:
        cloud("run", spec(cloud, url))
        place.upload({"b": b"B" * 1000, "c": b"c"})
        before = dict(proxy.read)
        cloud("run", spec(cloud, url))
        again = [p for p, n in proxy.read.items() if n > before.get(p, 0)]
        assert sorted(p[-1] for p in again) == ["b", "c"]
    assert len(sums(cloud)) == 3


def test_a_full_disk_is_one_sentence(cloud, s3):
    """On a filesystem of its own, too small for the data."""
    small = cloud.dir / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", small], check=False).returncode != 0:
        pytest.skip("impossible here: no filesystem can be mounted")
    try:
        url = S3Place(cloud, s3).upload({"x": os.urandom(50 << 20)})
        cloud.env.update(BATON_HOME=str(small))
        done = cloud("run", spec(cloud, url), check=1)
        lines = [line for line in done.stderr.splitlines() if "data /data" in line]
        assert len(lines) == 1 and "it needs 50 MiB more" in lines[0] and str(small) in lines[0], done.stderr
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_ctrl_c_while_data_is_fetched(cloud, s3):
    place = S3Place(cloud, s3)
    url = place.upload({f"f{i}": os.urandom(2000) for i in range(60)})
    with place.behind(lambda *_: "drip:40"):
        agent = cloud.start("run", spec(cloud, url))
        cloud.wait(lambda: list((cloud.dir / "home/cache/data").glob("*.building")), "the fetching")
        agent.send_signal(signal.SIGINT)
        agent.wait(timeout=60)
        assert "what came is kept" in agent.stderr.read() or cloud.show()["state"] in ("stopped", "succeeded")
        if cloud.show()["state"] != "succeeded":
            cloud("resume", "latest")
    assert len(sums(cloud)) == 60


def test_the_listing_of_data_is_kept_with_the_job(cloud, s3):
    """Which files a result came from: printed, checked, copied, and removed with the job."""
    url = S3Place(cloud, s3).upload({"a": b"1", "deep/b": b"22"})
    cloud.env["BATON_STORE"] = store = str(cloud.dir / "store")
    cloud("run", spec(cloud, url))
    assert "2 files with 3 B (--data lists them)" in cloud("show", "latest").stdout
    head, *lines = cloud("show", "latest", "--data").stdout.splitlines()
    etags = [f'"{hashlib.md5(content).hexdigest()}"' for content in (b"1", b"22")]
    assert lines == [f"1 {etags[0]} a", f"2 {etags[1]} deep/b"]
    digest = hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()
    assert head.endswith("2 files, SHA-256 " + digest)
    assert cloud.json("show", "latest", "--data") == [{"destination": "/data", "digest": digest, "bytes": 3, "files": [
        {"size": 1, "content": etags[0], "name": "a"}, {"size": 2, "content": etags[1], "name": "deep/b"}]}]
    job = cloud.show()["id"]
    (listing,) = (cloud.dir / "store" / "jobs" / job / "data").iterdir()
    assert listing.name == digest
    # Elsewhere too.
    copy = str(cloud.dir / "copy")
    cloud("store", "copy", store, copy)
    assert cloud("show", job, "--data", "--store", copy).stdout.splitlines()[1:] == lines
    # Damaged, it is neither copied nor printed; the job runs all the same.
    good = listing.read_bytes()
    listing.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "was not copied" in cloud("store", "copy", store, str(cloud.dir / "copy2"), check=1).stderr
    assert "the listing of data is damaged" in cloud("show", job, "--data", check=1).stderr
    assert "damaged listing" in cloud("store", "check", "--json", check=None).stdout
    listing.unlink()
    assert "missing listing" in cloud("store", "check", "--json", check=None).stdout
    assert "is gone" in cloud("show", job, "--data", check=1).stderr
    listing.write_bytes(good)
    cloud("store", "check")
    cloud("store", "gc")
    assert listing.exists()
    cloud("rm", job)
    assert not listing.exists()


def test_trials_share_the_listing_of_their_sweep(cloud, s3):
    url = S3Place(cloud, s3).upload({"a": b"1"})
    cloud.env["BATON_STORE"] = str(cloud.dir / "store")
    extra = f"""data: {{/data: {url}}}
sweep: {{method: grid, parameters: {{a: [1, 2]}}}}
"""
    cloud("sweep", cloud.spec('cat /data/a; echo $BATON_PARAM_A', extra=extra))
    trials = cloud.json("ps", "-a")
    jobs = [line["id"] for line in trials if line.get("trial") or "+" in line["name"]]
    assert len(jobs) == 2, trials
    said = {cloud("show", job, "--data").stdout for job in jobs}
    assert len(said) == 1 and said.pop().endswith(" a\n")
    assert len(list((cloud.dir / "store").glob("*/*/data/*"))) == len(list((cloud.dir / "store").glob("sweeps/*/data/*"))) == 1
    cloud("store", "check")
