"""The examples, run without baton, killed again and again; and with baton, preempted."""

import json
import os
import random
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
