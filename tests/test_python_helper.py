"""The Python helper: what a program sees inside baton (made up here with files and a socket) and outside of it."""

import ast
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HELPER = Path(__file__).resolve().parent.parent / "python"
CONTRACT = ("BATON_", "PYTHONPATH")


def run(code, cwd, check=True, **env):
    """A fresh interpreter, since the helper reads its parameters once; the environment is made up wholly."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(CONTRACT)}
    clean.update({k: str(v) for k, v in env.items()}, PYTHONPATH=str(HELPER), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=clean, capture_output=True, text=True, timeout=60)
    if check:
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
    return done


class FakeAgent:
    """Answers one commit request on a unix socket and notes what was asked."""

    def __init__(self, place, answer):
        self.asked = b""
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(place))
        self._server.listen(1)
        self._answer = answer
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        peer, _ = self._server.accept()
        with peer:
            while not self.asked.endswith(b"\n"):
                self.asked += peer.recv(1024)
            for byte in self._answer:  # byte by byte: the helper must wait for the whole line
                peer.sendall(bytes([byte]))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(60)
        self._server.close()


@pytest.mark.parametrize("file", sorted(HELPER.rglob("*.py")), ids=lambda f: f.name)
def test_syntax_is_python_3_8(file):
    ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("file", sorted(HELPER.rglob("*.py")), ids=lambda f: f.name)
def test_only_the_standard_library_is_imported(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            assert name.split(".")[0] in sys.stdlib_module_names


def test_importing_has_no_side_effect(tmp_path):
    code = "import signal, baton; assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"
    run(code, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_everything_named_is_there_and_documented(tmp_path):
    run(
        "import baton\n"
        "for name in baton.__all__: getattr(baton, name)\n"
        "for f in (baton.report, baton.commit, baton.save, baton.should_stop, baton.notice, baton.atomic_write,"
        " baton.Params): assert f.__doc__",
        tmp_path,
    )


def test_an_unknown_name_is_an_attribute_error(tmp_path):
    done = run("import baton; baton.sing()", tmp_path, check=False)
    assert done.returncode != 0 and "no attribute 'sing'" in done.stderr


# --- where things are ---------------------------------------------------------------------------------------------


def test_directories_come_from_the_environment(tmp_path):
    out = run(
        "import baton; print(baton.checkpoint_dir, baton.results_dir, baton.job, baton.attempt)",
        tmp_path,
        BATON_CHECKPOINT_DIR=tmp_path / "c",
        BATON_RESULTS_DIR=tmp_path / "r",
        BATON_JOB="demo-1",
        BATON_ATTEMPT=3,
    )
    assert out == "%s %s demo-1 3" % (tmp_path / "c", tmp_path / "r")


def test_outside_baton_directories_are_local_and_made_when_used(tmp_path):
    assert run("import baton; print(baton.job, baton.attempt)", tmp_path) == "local 1"
    assert list(tmp_path.iterdir()) == []
    assert run("import baton; print(baton.checkpoint_dir)", tmp_path) == str(tmp_path / "checkpoint")
    assert run("import baton; print(baton.results_dir)", tmp_path) == str(tmp_path / "results")
    assert (tmp_path / "checkpoint").is_dir() and (tmp_path / "results").is_dir()


# --- parameters ---------------------------------------------------------------------------------------------------


def test_params_are_a_mapping_with_attributes(tmp_path):
    (tmp_path / "p.json").write_text('{"lr": 0.1, "learning-rate": 2, "name": "ü", "on": true}', encoding="utf-8")
    out = run(
        "import baton, json; p = baton.params\n"
        "print(json.dumps([p['lr'], p.lr, p.get('no', 7), p.learning_rate, p.name, p.on, dict(p), len(p), 'lr' in p]))",
        tmp_path,
        BATON_PARAMS_FILE=tmp_path / "p.json",
    )
    values = {"lr": 0.1, "learning-rate": 2, "name": "ü", "on": True}
    assert json.loads(out) == [0.1, 0.1, 7, 2, "ü", True, values, 4, True]


def test_a_missing_param_names_the_known_ones(tmp_path):
    done = run("import baton; baton.params.Lr", tmp_path, check=False, BATON_PARAM_LR="1", BATON_PARAM_EPOCHS="2")
    assert "no parameter 'Lr' (known: epochs, lr)" in done.stderr


def test_params_are_read_only(tmp_path):
    done = run("import baton; baton.params.lr = 1", tmp_path, check=False)
    assert "--set params.lr=" in done.stderr


def test_outside_baton_params_come_from_variables(tmp_path):
    out = run(
        "import baton; print(repr(baton.params))",
        tmp_path,
        BATON_PARAM_LR="0.3",
        BATON_PARAM_NAME="resnet",
        BATON_PARAM_ON="true",
        BATON_PARAM_LAYERS="[1, 2]",
    )
    assert out == "Params({'layers': '[1, 2]', 'lr': 0.3, 'name': 'resnet', 'on': True})"


def test_params_can_be_copied_and_pickled(tmp_path):
    code = "import baton, copy, pickle; print(copy.deepcopy(baton.params).lr, pickle.loads(pickle.dumps(baton.params)).lr)"
    assert run(code, tmp_path, BATON_PARAM_LR="1") == "1 1"


def test_a_params_file_that_is_no_object_is_refused_by_name(tmp_path):
    (tmp_path / "p.json").write_text("[1]")
    done = run("import baton; baton.params.lr", tmp_path, check=False, BATON_PARAMS_FILE=tmp_path / "p.json")
    assert "p.json: expected a JSON object" in done.stderr


# --- metrics ------------------------------------------------------------------------------------------------------


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_report_appends_one_json_line(tmp_path):
    file = tmp_path / "m.jsonl"
    file.write_text('{"step": 1}\n')
    run("import baton; baton.report(step=2, loss=0.5, phase='val'); baton.report(loss=1)", tmp_path, BATON_METRICS_FILE=file)
    assert lines(file) == [{"step": 1}, {"step": 2, "loss": 0.5, "phase": "val"}, {"loss": 1}]


def test_what_is_no_json_number_is_written_as_text(tmp_path):
    file = tmp_path / "m.jsonl"
    code = "import baton; n = float('nan'); i = float('inf'); baton.report(0, a=n, b=i, c=-i, d=None, e=True)"
    run(code, tmp_path, BATON_METRICS_FILE=file)
    [line] = lines(file)
    assert line == {"step": 0, "a": "NaN", "b": "Infinity", "c": "-Infinity", "d": None, "e": True}
    assert math.isnan(float(line["a"])) and float(line["c"]) == -math.inf


def test_scalars_of_numeric_libraries_are_taken_and_others_refused(tmp_path):
    file = tmp_path / "m.jsonl"
    code = (
        "import baton\n"
        "class Scalar:\n"
        "    def __init__(self, *v): self.v = v\n"
        "    def item(self):\n"
        "        if len(self.v) != 1: raise ValueError('only one element')\n"
        "        return self.v[0]\n"
        "baton.report(step=Scalar(3), loss=Scalar(0.25), bad=Scalar(float('nan')))\n"
        "for wrong in (Scalar(1, 2), [1], object()):\n"
        "    try: baton.report(step=4, loss=wrong)\n"
        "    except TypeError as error: assert \"metric 'loss'\" in str(error)\n"
        "    else: raise SystemExit('taken')\n"
    )
    run(code, tmp_path, BATON_METRICS_FILE=file)
    assert lines(file) == [{"step": 3, "loss": 0.25, "bad": "NaN"}]


def test_an_empty_report_writes_nothing(tmp_path):
    run("import baton; baton.report()", tmp_path, BATON_METRICS_FILE=tmp_path / "m.jsonl")
    assert not (tmp_path / "m.jsonl").exists()


def test_outside_baton_metrics_lie_in_the_results(tmp_path):
    run("import baton; baton.report(step=1, loss=2)", tmp_path)
    assert lines(tmp_path / "results" / "metrics.jsonl") == [{"step": 1, "loss": 2}]


def test_lines_of_many_processes_do_not_mix(tmp_path):
    file = tmp_path / "m.jsonl"
    code = (
        "import baton, os\n"
        "children = []\n"
        "for rank in range(4):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        for step in range(200): baton.report(step=step, rank=rank, text='x' * 3000)\n"
        "        os._exit(0)\n"
        "    children.append(pid)\n"
        "assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)\n"
    )
    run(code, tmp_path, BATON_METRICS_FILE=file)
    written = lines(file)
    assert len(written) == 800
    for rank in range(4):
        assert [line["step"] for line in written if line["rank"] == rank] == list(range(200))


# --- stopping -----------------------------------------------------------------------------------------------------


def test_should_stop_follows_the_file(tmp_path):
    file = tmp_path / "preempt"
    code = (
        "import baton, os\n"
        "assert not baton.should_stop() and baton.notice() is None\n"
        "open(os.environ['BATON_PREEMPT_FILE'], 'w').write('{\"source\": \"aws\", \"deadline_in_ms\": 120000}')\n"
        "assert baton.should_stop(); print(baton.notice())\n"
    )
    assert run(code, tmp_path, BATON_PREEMPT_FILE=file) == "{'source': 'aws', 'deadline_in_ms': 120000}"


@pytest.mark.parametrize("content", ["", "{", "[]", "\xff"])
def test_a_notice_without_details_is_one_too(tmp_path, content):
    (tmp_path / "preempt").write_text(content, encoding="latin-1")
    code = "import baton; print(baton.should_stop(), baton.notice())"
    assert run(code, tmp_path, BATON_PREEMPT_FILE=tmp_path / "preempt") == "True {}"


def test_sigterm_means_stop_once_should_stop_was_asked(tmp_path):
    code = (
        "import baton, os, signal\n"
        "assert not baton.should_stop()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print(baton.should_stop(), baton.notice())\n"
    )
    assert run(code, tmp_path) == "True {}"


def test_sigterm_ends_a_program_that_never_asks(tmp_path):
    done = run("import baton, os, signal; baton.params; os.kill(os.getpid(), signal.SIGTERM)", tmp_path, check=False)
    assert done.returncode == -signal.SIGTERM


def test_a_handler_of_the_program_stays(tmp_path):
    code = (
        "import baton, os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('mine'))\n"
        "baton.should_stop(); os.kill(os.getpid(), signal.SIGTERM); print(baton.should_stop())\n"
    )
    assert run(code, tmp_path) == "mine\nFalse"


def test_forked_workers_can_still_be_ended(tmp_path):
    code = (
        "import baton, os, signal, time\n"
        "baton.should_stop()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    while True: time.sleep(60)\n"
        "os.kill(pid, signal.SIGTERM)\n"
        "print(os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGTERM)\n"
    )
    assert run(code, tmp_path) == "True"


def test_should_stop_may_be_asked_in_another_thread(tmp_path):
    code = (
        "import baton, threading\n"
        "seen = []\n"
        "t = threading.Thread(target=lambda: seen.append(baton.should_stop())); t.start(); t.join()\n"
        "print(seen)\n"
    )
    assert run(code, tmp_path) == "[False]"


# --- commits ------------------------------------------------------------------------------------------------------


def test_commit_gives_the_id(tmp_path):
    with FakeAgent(tmp_path / "s", b'{"ok":true,"commit":"00000003-1"}\n') as agent:
        assert run("import baton; print(baton.commit())", tmp_path, BATON_SOCKET=tmp_path / "s") == "00000003-1"
    assert agent.asked == b'{"op":"commit"}\n'


@pytest.mark.parametrize(
    "answer, reason",
    [
        (b'{"ok":false,"error":"the store\'s disk is full"}\n', "the store's disk is full"),
        (b"", "the agent went away before the commit was durable"),
        (b'{"ok":tr', "the agent went away before the commit was durable"),
        (b"[]\n", "the agent gave an answer that means nothing: []"),
        (b"{}\n", "the agent gave an answer that means nothing: {}"),
    ],
)
def test_a_commit_that_failed_says_why(tmp_path, answer, reason):
    code = "import baton\ntry: baton.commit()\nexcept baton.CommitError as error: print(error)"
    with FakeAgent(tmp_path / "s", answer):
        assert run(code, tmp_path, BATON_SOCKET=tmp_path / "s") == reason


def test_an_agent_that_is_not_there_is_a_commit_error(tmp_path):
    code = "import baton\ntry: baton.commit()\nexcept baton.CommitError as error: print(error)"
    assert "cannot be reached at %s" % (tmp_path / "s") in run(code, tmp_path, BATON_SOCKET=tmp_path / "s")


def test_outside_baton_commit_does_nothing(tmp_path):
    assert run("import baton; print(baton.commit())", tmp_path) == "None"
    assert list(tmp_path.iterdir()) == []


# --- files that are whole -----------------------------------------------------------------------------------------


def test_save_takes_bytes_or_a_writer(tmp_path):
    out = run(
        "import baton, pickle\n"
        "print(baton.save('a/state.bin', b'abc'))\n"
        "baton.save('b.pkl', lambda file: pickle.dump([1], file))\n",
        tmp_path,
    )
    assert out == str(tmp_path / "checkpoint/a/state.bin")
    assert (tmp_path / "checkpoint/a/state.bin").read_bytes() == b"abc"
    assert sorted(p.name for p in (tmp_path / "checkpoint").iterdir()) == ["a", "b.pkl"]


@pytest.mark.parametrize("name", ["../state", "a/../../state", "/tmp/state", "../checkpoint-of-another/state"])
def test_save_keeps_within_the_checkpoint(tmp_path, name):
    place = tmp_path / "checkpoint"
    done = run(f"import baton; baton.save({name!r}, b'lost')", tmp_path, check=False, BATON_CHECKPOINT_DIR=place)
    assert done.returncode != 0 and "lost with the machine" in done.stderr
    assert not list(tmp_path.rglob("state"))
    run(f"import baton; baton.save({str(place)!r} + '/b/../state', b'kept')", tmp_path, BATON_CHECKPOINT_DIR=place)
    assert (place / "state").read_bytes() == b"kept"


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    code = (
        "import baton\n"
        "baton.save('state', b'old')\n"
        "def writer(file):\n"
        "    file.write(b'half'); raise RuntimeError('out of luck')\n"
        "baton.save('state', writer)\n"
    )
    done = run(code, tmp_path, check=False)
    assert "out of luck" in done.stderr
    assert [p.name for p in (tmp_path / "checkpoint").iterdir()] == ["state"]
    assert (tmp_path / "checkpoint/state").read_bytes() == b"old"


def test_kills_while_saving_leave_a_whole_file_and_nothing_piles_up(tmp_path):
    code = (
        "import baton, os, signal\n"
        "def writer(file):\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
        "baton.save('state', writer)\n"
    )
    run("import baton; baton.save('state', b'old')", tmp_path)
    assert run(code, tmp_path, check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoint/state").read_bytes() == b"old"
    assert [p.name for p in (tmp_path / "checkpoint").glob("*")if not p.name.startswith(".")] == ["state"]


def test_atomic_write_of_text(tmp_path):
    code = "import baton\nwith baton.atomic_write('out/s.txt', 'w') as file: file.write('grün\\n')"
    run(code, tmp_path)
    assert (tmp_path / "out/s.txt").read_text(encoding="utf-8") == "grün\n"


def test_atomic_write_refuses_modes_that_cannot_be_whole(tmp_path):
    done = run("import baton\nwith baton.atomic_write('x', 'a'): pass", tmp_path, check=False)
    assert "mode is 'w' or 'wb', not 'a'" in done.stderr
