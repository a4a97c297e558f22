"""The examples, run without baton, killed again and again; and with baton, preempted."""

import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


def outside_baton(**params):
    env = {k: v for k, v in os.environ.items() if not k.startswith("BATON_")}
    env.update({"BATON_PARAM_" + k.upper(): str(v) for k, v in params.items()})
    return env


def kill_and_restart(command, cwd, env, lines_before_kill):
    """Runs a program until it ends by itself; each number is how many lines it may print before it is killed."""
    output = ""
    for lines in [*lines_before_kill, None]:
        with subprocess.Popen(
            command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as program:
            read = 0
            for line in program.stdout:
                output += line
                read += 1
                if read == lines:
                    os.killpg(program.pid, signal.SIGKILL)
        if program.returncode == 0:
            return output
        assert program.returncode == -signal.SIGKILL, output
    raise AssertionError("unreachable: the last run is not killed")


@pytest.mark.parametrize("seed", range(5))
def test_shell_counter_counts_every_number_once_however_often_it_is_killed(tmp_path, seed):
    chance = random.Random(seed)
    command = ["sh", str(EXAMPLES / "shell-counter/count.sh")]
    kills = [chance.randint(1, 12) for _ in range(8)]
    output = kill_and_restart(command, tmp_path, outside_baton(to=40, pause=0), kills)
    assert (tmp_path / "results/log.csv").read_text().split() == [str(n) for n in range(1, 41)]
    assert output.count("going on from") >= 1


def test_shell_counter_stops_for_the_preemption_file(tmp_path):
    (tmp_path / "preempt").touch()
    env = outside_baton(to=3, pause=0)
    command = ["sh", str(EXAMPLES / "shell-counter/count.sh")]
    stopped = subprocess.run(
        command, cwd=tmp_path, env={**env, "BATON_PREEMPT_FILE": str(tmp_path / "preempt")}, capture_output=True, text=True
    )
    assert stopped.returncode == 0 and "stopping at 0" in stopped.stdout
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "done: 3 lines" in ended.stdout


# --- with baton ---------------------------------------------------------------------------------------------------


class Example:
    """A copy of an example, so that its results land in a temporary directory, and a store of its own."""

    def __init__(self, binary, name, directory):
        self.binary, self.directory = str(binary), directory / name
        ignored = shutil.ignore_patterns("data", "results", "checkpoint")
        shutil.copytree(EXAMPLES / name, self.directory, ignore=ignored)
        # Images stay in the user's own $BATON_HOME, from one run of the tests to the next.
        self.env = dict(outside_baton(), BATON_STORE=str(directory / "store"))
        if "BATON_HOME" in os.environ:
            self.env["BATON_HOME"] = os.environ["BATON_HOME"]

    def baton(self, *words):
        done = subprocess.run([self.binary, *words], env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run_and_preempt_after(self, line, *options):
        """Runs it, and preempts it once when it has printed a line that begins so; returns all it printed."""
        command = [self.binary, "run", str(self.directory / "baton.yaml"), *options]
        output, preempted = "", False
        with subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        ) as run:
            for printed in run.stdout:
                output += printed
                if printed.startswith(line) and not preempted:
                    self.baton("preempt", "latest")
                    preempted = True
        assert run.returncode == 0 and preempted, output
        return output

    def shown(self):
        return json.loads(self.baton("show", "latest", "--json"))

    def result(self, name):
        return self.directory / "results" / "latest" / name


def outcomes(shown):
    return [attempt["outcome"] for attempt in shown["attempts"]]


def test_shell_counter_goes_on_after_a_preemption(baton_bin, tmp_path):
    example = Example(baton_bin, "shell-counter", tmp_path)
    output = example.run_and_preempt_after("counted 3 of", "--set", "params.to=30", "--set", "params.pause=0.05")
    assert outcomes(example.shown()) == ["preempted", "succeeded"]
    assert "stopping at" in output and "going on from" in output and "done: 30 lines" in output
    assert example.result("log.csv").read_text().split() == [str(n) for n in range(1, 31)]
    metrics = [json.loads(line) for line in example.baton("metrics", "latest", "--json").splitlines()]
    assert [(row["step"], row["square"]) for row in metrics] == [(n, n * n) for n in range(1, 31)]


@pytest.mark.slow  # makes an image of some 700 MB, the first time only
@pytest.mark.timeout(1800)
def test_octave_ends_with_the_same_weights_after_a_preemption(baton_bin, tmp_path):
    touched = Example(baton_bin, "octave-logreg", tmp_path / "touched")
    output = touched.run_and_preempt_after("step 100 ")
    assert outcomes(touched.shown()) == ["preempted", "succeeded"]
    assert "stopping at step" in output and "going on from step" in output
    untouched = Example(baton_bin, "octave-logreg", tmp_path / "untouched")
    untouched.baton("run", str(untouched.directory / "baton.yaml"))
    for name in ("weights.txt", "log.csv"):
        assert touched.result(name).read_bytes() == untouched.result(name).read_bytes()
    steps = [line.split(",")[0] for line in touched.result("log.csv").read_text().splitlines()[1:]]
    assert steps == [str(n) for n in range(20, 1001, 20)]


@pytest.mark.slow  # the image of the main job, from the user's own $BATON_HOME
@pytest.mark.xdist_group("image of the main job")
def test_the_sweep_of_a_cnn_learns_and_draws(baton_bin, tmp_path):
    shutil.copytree(EXAMPLES / "sweep-cnn", tmp_path / "sweep-cnn")
    subprocess.run([ROOT / "tools/fetch-fashion-mnist", tmp_path / "fashion-cnn/data"], check=True)
    env = dict(os.environ, BATON_STORE=str(tmp_path / "store"))

    def baton(*words):
        return subprocess.run([baton_bin, *words], env=env, cwd=tmp_path, check=True, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL).stdout

    baton("sweep", "sweep-cnn/baton.yaml", "--trials", "3", "--set", "params.epochs=2", "--set", "params.limit=600")
    trials = json.loads(baton("sweep", "results", "latest", "--json"))
    assert [trial["state"] for trial in trials] == ["value"] * 3
    assert max(trial["value"] for trial in trials) > 0.3  # guessing gives 0.1
    page = tmp_path / baton("sweep", "plot", "latest").strip()
    assert all(name in page.read_text() for name in ("accuracy", "width", "optimizer"))
