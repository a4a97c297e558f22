"""Stores in S3: the conformance suite against moto's server, and other people's tools on the other side."""
import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from fault_proxy import FaultProxy
from moto_root import moto_server, request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="module")
def s3():
    """The URL of a server with one bucket, "store"."""
    if os.geteuid() != 0:
        pytest.skip("impossible here: without root there is no chroot for the server")
    with moto_server() as url:
        request("PUT", url + "/store")
        yield url


@pytest.fixture
def cloud(cli, s3, tmp_path):
    """A Cli whose store is a new prefix in the bucket, with keys in the environment and a home of its own."""
    home = tmp_path / "user"
    home.mkdir()
    cli.env = {k: v for k, v in cli.env.items() if not k.startswith(("AWS_", "RCLONE_"))}
    cli.prefix = "jobs/" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    cli.url = s3
    cli.env.update(HOME=str(home), AWS_ACCESS_KEY_ID="AKIATEST", AWS_SECRET_ACCESS_KEY="not-to-be-seen-anywhere",
                   AWS_REGION="us-east-1", AWS_ENDPOINT_URL=s3, BATON_STORE=f"s3://store/{cli.prefix}")
    yield cli


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_conformance(s3, baton_bin):
    binary = baton_bin.parent / "test_store"
    env = dict(os.environ, BATON_TEST_S3=s3)
    done = subprocess.run([binary, "--gtest_filter=Bucket/*", "--gtest_brief=1"], env=env, capture_output=True, text=True,
                          check=False, timeout=850)
    assert done.returncode == 0 and "46 tests" in done.stdout, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_one_of_two_agents_owns_a_job_500_times(s3, baton_bin):
    done = subprocess.run([baton_bin.parent / "test_ledger", "--gtest_filter=BucketRace.OneOfTwoAgentsOwnsTheJob"],
                          env=dict(os.environ, BATON_TEST_S3=s3), capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0 and "500 races had one winner" in done.stdout, done.stdout[-3000:]


# Each seed is a job with several interruptions. CI takes few; BATON_TEST_CRASH_SEEDS=0-299 takes all.
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_seeded_kills_in_a_bucket(s3, baton_bin):
    seeds = os.environ.get("BATON_TEST_CRASH_SEEDS", "0-19")
    env = dict(os.environ, AWS_ENDPOINT_URL=s3, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_REGION="us-east-1")
    done = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "crash", "crash.py"), "--seeds", seeds,
                           "--binary", str(baton_bin), "--store", "s3://store/crash"],
                          env=env, capture_output=True, text=True, timeout=3500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_runs_with_its_store_in_a_bucket(cloud):
    spec = cloud.spec("echo hello; echo kept > $BATON_RESULTS_DIR/out.txt; echo '{\"step\": 1, \"loss\": 0.5}' >> $BATON_METRICS_FILE",
                      extra="results: ./results\n")
    done = cloud("run", spec)
    assert "hello" in done.stdout
    shown = cloud.show()
    assert shown["state"] == "succeeded"
    assert (cloud.dir / "results" / shown["id"] / "out.txt").read_text() == "kept\n"
    assert "hello" in cloud("logs", "latest").stdout
    cloud("store", "check")
    assert not (cloud.dir / "home" / "store").exists()


def aws(cloud, *words):
    """Debian's AWS CLI, with the same environment."""
    done = subprocess.run(["/usr/bin/aws", "--endpoint-url", cloud.url, *words], env=dict(cloud.env, AWS_PAGER=""),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rclone(cloud, *words):
    """Debian's rclone, configured by its environment alone."""
    env = dict(cloud.env, RCLONE_CONFIG_R_TYPE="s3", RCLONE_CONFIG_R_PROVIDER="Other", RCLONE_CONFIG_R_ENDPOINT=cloud.url,
               RCLONE_CONFIG_R_ENV_AUTH="true", RCLONE_CONFIG="/dev/null")
    done = subprocess.run(["/usr/bin/rclone", *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


PROGRAM = """
head -c 9000000 /dev/urandom > $BATON_CHECKPOINT_DIR/weights
echo result > $BATON_RESULTS_DIR/out.txt
echo '{"step": 1, "loss": 0.5}' >> $BATON_METRICS_FILE
echo said
"""


def results(cloud, job, to, **env):
    directory = cloud.dir / to
    cloud("results", job, "--to", directory, env=dict(cloud.env, **env))
    return (directory / "out.txt").read_text()


def test_other_tools_read_what_baton_wrote_and_the_other_way_round(cloud, tmp_path):
    cloud("run", cloud.spec(PROGRAM))
    job = cloud.show()["id"]
    for copy, tool in (("by-aws", lambda to: aws(cloud, "s3", "sync", f"s3://store/{cloud.prefix}", to)),
                       ("by-rclone", lambda to: rclone(cloud, "copy", f"R:store/{cloud.prefix}", to))):
        directory = tmp_path / copy
        tool(str(directory))
        assert results(cloud, job, f"from-{copy}", BATON_STORE=str(directory)) == "result\n"
        check = cloud("store", "check", "--json", env=dict(cloud.env, BATON_STORE=str(directory)))
        assert not [f for f in json.loads(check.stdout)["findings"] if not f.get("harmless")]
    aws(cloud, "s3", "sync", str(tmp_path / "by-aws"), f"s3://store/{cloud.prefix}-aws")
    rclone(cloud, "copy", str(tmp_path / "by-aws"), f"R:store/{cloud.prefix}-rclone")
    for copy in ("aws", "rclone"):
        place = f"s3://store/{cloud.prefix}-{copy}"
        assert results(cloud, job, f"back-{copy}", BATON_STORE=place) == "result\n"
        cloud("store", "check", env=dict(cloud.env, BATON_STORE=place))


@pytest.mark.slow
@pytest.mark.xdist_group("image of the main job")
@pytest.mark.timeout(1200)
def test_the_main_job_goes_on_on_another_machine(cloud, baton_bin, tmp_path):
    """Attempt 1 dies with its whole container, and all that its machine knew is removed; another one finishes the job."""
    example = pathlib.Path(ROOT) / "examples" / "fashion-cnn"
    spec = tmp_path / "fashion-cnn"
    spec.mkdir()
    for name in ("train.py", "baton.yaml"):
        shutil.copy(example / name, spec / name)
    subprocess.run([os.path.join(ROOT, "tools", "fetch-fashion-mnist"), spec / "data"], check=True)
    small = ["--set", "params.limit=2000", "--set", "params.epochs=2", "--set", "params.every=4"]
    # New homes, but for the image: that is made once, in the user's own $BATON_HOME.
    homes = [tmp_path / f"home-{n}" for n in (1, 2, 3)]
    own = pathlib.Path(os.environ.get("BATON_HOME") or pathlib.Path.home() / ".local/share/baton")
    (own / "images").mkdir(parents=True, exist_ok=True)
    for home in homes:
        home.mkdir()
        (home / "images").symlink_to(own / "images")
    env = [dict(cloud.env, BATON_HOME=str(home)) for home in homes]
    cloud("run", spec, *small, env=env[0], timeout=600)
    untouched = json.loads(cloud("ps", "-a", "--json", env=env[0]).stdout)[0]["id"]
    agent = subprocess.Popen([baton_bin, "run", spec, *small], env=env[1], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cloud.started.append(agent)

    def job():
        newest = json.loads(cloud("ps", "-a", "--json").stdout)[0]["id"]
        return newest if newest != untouched and cloud.show(newest)["commits"] else None

    job = cloud.wait(job, "a commit of the second job", seconds=300)
    agent.kill()  # the container ends with its agent
    agent.wait()

    def vanished():  # the container's programs may write until they have ended
        shutil.rmtree(homes[1], ignore_errors=True)
        return not homes[1].exists()

    cloud.wait(vanished, "all that the first machine knew to be gone")
    done = cloud("resume", job, env=env[2], timeout=600)
    shown = cloud.show(job)
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 2, done.stderr
    for one in (untouched, job):
        cloud("results", one, "--to", tmp_path / one, env=env[2])
    for name in ("model.pt", "log.csv"):
        assert (tmp_path / one / name).read_bytes() == (tmp_path / untouched / name).read_bytes(), name
    assert not [f for f in json.loads(cloud("store", "check", "--json").stdout)["findings"] if not f.get("harmless")]


def test_what_is_wrong_is_said(cloud):
    done = cloud("ps", "--store", "s3://no-such-bucket/x", check=None)
    assert done.returncode != 0 and "bucket" in done.stderr, done.stderr
    done = cloud("ps", "--store", "s3://store/x?regoin=eu", check=None)
    assert "did you mean region" in done.stderr
    done = cloud("run", cloud.spec(), "--store", "ftp://store/x", check=None)
    assert "ftp://" in done.stderr


def test_store_check_says_who_and_what_is_missing(cloud, s3):
    cloud("run", cloud.spec())
    done = cloud("store", "check")
    assert "with the credentials of the environment" in done.stderr and "may not" not in done.stderr
    with FaultProxy(s3, lambda _n, method, path, _h: "AccessDenied" if method == "DELETE" else None) as proxy:
        done = cloud("store", "check", env=dict(cloud.env, AWS_ENDPOINT_URL=proxy.url), check=1)
    assert "may not remove objects" in done.stderr and "may not give up an upload" in done.stderr
    assert "may not read" not in done.stderr
    keyless = {k: v for k, v in cloud.env.items() if "KEY" not in k}
    done = cloud("store", "check", env=dict(keyless, AWS_EC2_METADATA_DISABLED="true"), check=1)
    assert "no AWS credentials were found" in done.stderr and "~/.aws/credentials" in done.stderr


ROLE = "arn:aws:iam::123456789012:role/trainer"


def test_a_role_is_assumed_by_the_real_aws_command(cloud):
    """Debian's AWS CLI is asked for the credentials of a role; it has those of an earlier sign-on in its own cache, so that
    it needs no service to give them out: botocore's AssumeRoleCredentialFetcher names the file by what it asked for."""
    aws_home = pathlib.Path(cloud.env["HOME"]) / ".aws"
    (aws_home / "cli" / "cache").mkdir(parents=True)
    (aws_home / "config").write_text(f"[profile trainer]\nregion = us-east-1\nrole_arn = {ROLE}\nsource_profile = base\n")
    (aws_home / "credentials").write_text("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = not-to-be-seen\n")
    asked = hashlib.sha1(json.dumps({"RoleArn": ROLE}, sort_keys=True).encode()).hexdigest()
    keys = {"AccessKeyId": "ASIATRAINER", "SecretAccessKey": "not-to-be-seen-either", "SessionToken": "token-of-the-role",
            "Expiration": "2037-01-01T00:00:00Z"}
    (aws_home / "cli" / "cache" / f"{asked}.json").write_text(json.dumps({"Credentials": keys}))
    env = {k: v for k, v in cloud.env.items() if not k.startswith("AWS_") or k == "AWS_ENDPOINT_URL"}
    env.update(AWS_PROFILE="trainer", PATH="/usr/bin:/bin")
    done = cloud("run", cloud.spec(), env=env)
    assert "hello" in done.stdout
    done = cloud("store", "check", env=env)
    said = done.stdout + done.stderr
    assert 'the credentials of profile "trainer" through `aws configure export-credentials`' in said and "not-to-be-seen" not in said


@pytest.mark.parametrize("skew", [-1200, 1200])
def test_a_clock_that_is_20_minutes_off(cloud, s3, skew):
    with FaultProxy(s3, lambda *_: None, skew_seconds=skew) as proxy:
        env = dict(cloud.env, AWS_ENDPOINT_URL=proxy.url)
        cloud("run", cloud.spec(PROGRAM), env=env)
        assert json.loads(cloud("show", "latest", "--json", env=env).stdout)["state"] == "succeeded"
        assert proxy.number > 20 and proxy.skewed >= 2


def test_lost_replies_to_every_conditional_write(cloud, s3):
    """The retry of each finds its own object, and the ledger knows it for its own."""
    first = set()

    def plan(_number, method, path, headers):
        if method != "PUT" or headers.get("If-None-Match") != "*" or path in first:
            return None
        first.add(path)
        return "lost"

    with FaultProxy(s3, plan) as proxy:
        cloud("run", cloud.spec(PROGRAM), env=dict(cloud.env, AWS_ENDPOINT_URL=proxy.url))
        assert proxy.seen["lost"] >= 10
    shown = cloud.show()
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 1
    cloud("store", "check")


def test_what_a_short_job_costs(cloud, s3):
    """The figures in docs/buckets.md."""
    asked = collections.Counter()

    def plan(_number, method, path, _headers):
        if method != "GET" or not re.search("/events/0*[2-9]", path):  # looking for requests: of a slow machine there are more
            asked["LIST" if "list-type" in path else method] += 1

    with FaultProxy(s3, plan) as proxy:
        cloud("run", cloud.spec("echo hello"), env=dict(cloud.env, AWS_ENDPOINT_URL=proxy.url))
    kinds = ("PUT", "GET", "HEAD", "LIST", "DELETE")
    told = ", ".join(f"{asked.pop(kind)} {kind}" for kind in kinds if kind in asked)
    page = (pathlib.Path(ROOT) / "docs" / "buckets.md").read_text()
    assert not asked and f"| a whole short job without commits, probe included | {told} | |\n" in page, (told, asked)
