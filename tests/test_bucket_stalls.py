"""A bucket that does not answer, or wants to be left alone: notices are heard all the same, and nothing hangs for long."""
import contextlib
import subprocess
import time

import pytest

from data_places import S3Place, az_cloud, az_server, gcs, gs_cloud, place, server  # noqa: F401  (fixtures)
from fault_proxy import FaultProxy
from test_bucket_deadline import moment
from test_s3 import cloud, s3  # noqa: F401  (fixtures)

PROGRAM = """trap '' TERM
[ $BATON_ATTEMPT -gt 1 ] && exit 0
echo saved > $BATON_CHECKPOINT_DIR/w
echo up
while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done
echo heard
"""


class Trouble:
    """A plan: from begin() on, each request that `what` names meets the fault. `met` has their times, methods and paths."""

    def __init__(self):
        self.fault, self.what, self.met = None, None, []

    def __call__(self, _number, method, path, _headers):
        if not self.fault or not self.what(method, path):
            return None
        self.met.append((time.monotonic(), method, path))
        return self.fault

    def begin(self, fault, what=lambda _method, _path: True):
        self.what, self.fault = what, fault

    def end(self):
        self.fault = None


@contextlib.contextmanager
def a_job_runs(place, trouble, program=PROGRAM, extra="", **proxy_options):
    """An agent behind a proxy, and its attempt's directory on this machine, once the program prints."""
    cli = place.cli
    before = cli.env
    with FaultProxy(place.url, trouble, **proxy_options) as proxy:
        cli.env = {**before, **place.endpoint(proxy.url)}
        agent = cli.start("run", "--verbose", cli.spec(program, extra=extra), stdout=subprocess.DEVNULL)
        cli.env = before
        cli.wait_for_output("up")
        (directory,) = (cli.dir / "home" / "run").glob("*-1")
        yield proxy, agent, directory


def give_notice(cli, directory, seconds):
    """Seconds until the program can see it."""
    begin = time.monotonic()
    (directory / "notice").touch()
    cli.wait((directory / "baton" / "preempt").exists, "the preemption file", seconds)
    return time.monotonic() - begin


def ends_well(cli, agent):
    assert agent.wait(timeout=100) == 0, agent.stderr.read()
    shown = cli.show()
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["preempted", "succeeded"]
    assert [commit["attempt"] for commit in shown["commits"]] == [1]
    assert "heard" in cli("logs", shown["id"], "--attempt", "1").stdout


def test_a_notice_is_heard_while_nothing_answers(place):
    """All requests hang, the first for seconds already; when they are answered again, nothing is lost."""
    trouble = Trouble()
    with a_job_runs(place, trouble) as (proxy, agent, directory):
        trouble.begin("hang")
        place.cli.wait(lambda: trouble.met, "a request that hangs")
        time.sleep(6)
        assert give_notice(place.cli, directory, 30) < 5
        trouble.end()
        proxy.released.set()
        ends_well(place.cli, agent)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["hang", "drip:3000"])
def test_a_read_that_stalls_is_given_up_after_half_a_minute(place, fault):
    """The looks for requests come again and again, though none is answered, or would be after a minute."""
    trouble = Trouble()
    with a_job_runs(place, trouble) as (proxy, agent, directory):
        trouble.begin(fault, lambda method, path: method == "GET" and "events" in path)
        place.cli.wait(lambda: len(trouble.met) >= 2, "the second look", 90)
        (first, _, _), (second, _, _) = trouble.met[:2]
        assert 28 < second - first < 45
        trouble.end()
        proxy.released.set()
        give_notice(place.cli, directory, 5)
        ends_well(place.cli, agent)


@pytest.mark.parametrize("what", ["GET", "PUT"])
def test_a_notice_is_heard_while_the_service_wants_to_be_left_alone(cloud, s3, what):
    """503 with Retry-After: 60, to what is read or to what is written, output above all."""
    trouble = Trouble()
    program = PROGRAM.replace("echo up\n", "echo up\nhead -c 3000000 /dev/zero | tr '\\0' x\n")
    with a_job_runs(S3Place(cloud, s3), trouble, program) as (_, agent, directory):
        trouble.begin("503:60", lambda method, _path: method == what)
        cloud.wait(lambda: trouble.met, "a refused request")
        assert give_notice(cloud, directory, 30) < 5
        agent.kill()


def test_a_first_commit_arrives_before_the_deadline(cloud, s3):
    """Nothing is known of the line yet, which carries 30 MB a second: the program is ended early enough all the same."""
    size = 60_000_000
    program = f"""trap '' TERM
[ $BATON_ATTEMPT -gt 1 ] && exit 0
echo up
while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done
head -c {size} /dev/urandom > $BATON_CHECKPOINT_DIR/w
while :; do sleep 0.05; done"""
    extra = "checkpoint: {every: 1h}\npreemption: {grace: 15s}\n"
    with a_job_runs(S3Place(cloud, s3), Trouble(), program, extra, upload_rate=30_000_000) as (_, agent, directory):
        give_notice(cloud, directory, 5)
        assert agent.wait(timeout=100) == 0, agent.stderr.read()
    shown = cloud.show()
    notice = shown["attempts"][0]["notice"]
    (commit,) = shown["commits"]
    assert commit["attempt"] == 1 and commit["new_bytes"] == size
    assert moment(commit["at"]) < moment(notice["at"]) + notice["deadline_in_ms"] / 1000
