"""The main job: the CNN of examples/fashion-cnn, preempted and killed, ends with the weights of an untouched run."""
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Small enough for a test, long enough for five interruptions between commits.
SMALL = ["--set", "params.limit=2000", "--set", "params.epochs=3", "--set", "params.every=4"]
INTERRUPTIONS = 5
SEED = int(os.environ.get("BATON_TEST_SEED", "20261122"))


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    directory = tmp_path_factory.mktemp("fashion-cnn")
    example = ROOT / "examples" / "fashion-cnn"
    for name in ("train.py", "baton.yaml"):
        shutil.copy(example / name, directory / name)
    subprocess.run([ROOT / "tools" / "fetch-fashion-mnist", directory / "data"], check=True)
    return directory


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """The user's own $BATON_HOME keeps the image from one run of the tests to the next; the store is new."""
    return dict(os.environ, BATON_STORE=str(tmp_path_factory.mktemp("store")))


class Runs:
    def __init__(self, binary, env, spec):
        self.binary, self.env, self.spec = str(binary), env, spec

    def baton(self, *words):
        return subprocess.run([self.binary, *words], env=self.env, check=True, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL).stdout

    def start(self, *words):
        log = open(self.spec / f"agent-{time.monotonic_ns()}.log", "w+")
        return subprocess.Popen([self.binary, *words], env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                stderr=subprocess.STDOUT, start_new_session=True), log

    def show(self, job):
        return json.loads(self.baton("show", job, "--json"))

    def newest(self):
        return json.loads(self.baton("ps", "-a", "--json"))[0]["id"]


def commits(shown):
    return len(shown["commits"])


def wait_until(condition, agent, log, what):
    deadline = time.monotonic() + 300
    while not condition():
        if agent.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            pytest.fail(f"waiting for {what}; the agent said: {log.read()[-3000:]}")
        time.sleep(0.05)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.xdist_group("image of the main job")
@pytest.mark.timeout(1800)
def test_weights_are_bit_identical_after_five_interruptions(baton_bin, env, spec):
    runs = Runs(baton_bin, env, spec)
    dice = random.Random(SEED)
    subprocess.run([str(baton_bin), "run", str(spec), *SMALL], env=env, check=True, stdin=subprocess.DEVNULL)
    untouched = spec / "results" / runs.newest()
    assert (untouched / "model.pt").stat().st_size > 100_000

    # Kinds of interruption: at least one of each, in random order, at random moments after a new commit.
    kinds = ["preempt", "kill"] + [dice.choice(["preempt", "kill"]) for _ in range(INTERRUPTIONS - 2)]
    dice.shuffle(kinds)
    agent, log = runs.start("run", str(spec), *SMALL)
    wait_until(lambda: runs.newest() != untouched.name, agent, log, "the second job")
    job = runs.newest()
    seen = 0
    for kind in kinds:
        wait_until(lambda: commits(runs.show(job)) > seen, agent, log, "a new commit")
        time.sleep(dice.uniform(0, 1.0))  # anywhere in the middle of the next batches
        seen = commits(runs.show(job))
        if kind == "kill":
            agent.send_signal(signal.SIGKILL)  # the container dies with it
            agent.wait()
            agent, log = runs.start("resume", job)
        else:
            attempts = len(runs.show(job)["attempts"])
            runs.baton("preempt", job)
            wait_until(lambda: len(runs.show(job)["attempts"]) > attempts, agent, log, "the next attempt")
    assert agent.wait(timeout=900) == 0, (log.seek(0), log.read()[-3000:])

    shown = runs.show(job)
    assert shown["state"] == "succeeded"
    assert len(shown["attempts"]) == INTERRUPTIONS + 1
    touched = spec / "results" / job
    assert digest(touched / "model.pt") == digest(untouched / "model.pt"), f"seed {SEED}, {kinds}"
    lines = (touched / "log.csv").read_text().splitlines()
    assert len(lines) == len(set(lines)), "a line was appended twice"
    assert lines == (untouched / "log.csv").read_text().splitlines()
    assert (touched / "metrics.jsonl").read_bytes() == (untouched / "metrics.jsonl").read_bytes()
    picture = (touched / "metrics.svg").read_text()
    assert picture.startswith("<svg") and "loss" in picture
    check = subprocess.run([str(baton_bin), "store", "check"], env=env, capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
