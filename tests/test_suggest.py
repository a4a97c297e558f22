"""`baton suggest` as a program in any language uses it, and its Sobol sequence beside scipy's."""

import json
import math
import signal
import subprocess

import pytest

SPACE = {"lr": {"min": 1e-5, "max": 0.1, "scale": "log"}, "width": {"min": 16, "max": 256, "type": "int", "step": 16},
         "kind": ["a", "b"], "momentum": {"min": 0.5, "max": 0.99, "when": {"kind": "a"}}}


class Suggest:
    """A running `baton suggest`."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary, "suggest"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def line(self, text):
        self.process.stdin.write(text + "\n")
        return json.loads(self.process.stdout.readline())

    def __call__(self, op, **members):
        return self.line(json.dumps({"op": op, **members}))

    def end(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(timeout=60), rest


@pytest.fixture
def suggest(baton_bin):
    started = []

    def start():
        started.append(Suggest(baton_bin))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def loss(params):
    value = (math.log10(params["lr"]) + 3) ** 2 + ((params["width"] - 128) / 128) ** 2
    return value + (params["momentum"] if params["kind"] == "a" else 0.2)


def search(one, method, trials, **options):
    """Four trials open at once; the values told, in order."""
    assert one("init", seed=1, method=method, parallel=4, parameters=SPACE, **options) == {"ok": True}
    values, running = [], [one("ask") for _ in range(4)]
    while len(values) < trials:
        trial = running.pop(0)
        values.append(loss(trial["params"]))
        assert one("tell", id=trial["id"], value=values[-1]) == {"ok": True}
        running.append(one("ask"))
    return values


@pytest.mark.parametrize("method", ["bayes", "tpe", "sobol", "random"])
def test_several_trials_at_once(suggest, method):
    one, two = suggest(), suggest()
    values = search(one, method, 40)
    assert values == search(two, method, 40), "the same seed gives the same trials"
    best = one("best")
    assert best["value"] == min(values) == loss(best["params"])
    assert len(one("pending")["pending"]) == 4
    shares = {part["name"]: part["share"] for part in one("importance")["importance"]}
    assert list(shares) == list(SPACE) and sum(shares.values()) == pytest.approx(1)
    assert one.end() == (0, "")


def test_params_are_of_the_space(suggest):
    one = suggest()
    one("init", method="random", parameters=SPACE)
    for _ in range(50):
        params = one("ask")["params"]
        assert 1e-5 <= params["lr"] <= 0.1 and isinstance(params["lr"], float)
        assert params["width"] in range(16, 257, 16) and isinstance(params["width"], int)
        assert ("momentum" in params) == (params["kind"] == "a")


def test_bad_lines_are_answered_and_change_nothing(suggest):
    one = suggest()
    one("init", method="random", seed=3, parameters=SPACE)
    one("ask")
    before = one("save")
    for text in ("", "{", "nonsense", "\x00", '{"op":"ask"', '{"op":"tell","id":1,"value":Infinity}', '{"op":"frobnicate"}',
                 '{"op":"tell","id":99,"value":1}', "[" * 100000):
        assert list(one.line(text)) == ["error"], text[:40]
    assert one("save") == before
    assert one("tell", id=1, value=0.5) == {"ok": True}


def test_a_line_that_never_ends_takes_no_memory(suggest):
    one = suggest()
    chunk = "x" * (1 << 20)
    for _ in range(80):
        one.process.stdin.write(chunk)
    assert one.line("") == {"error": "the line is longer than 64 MiB"}
    peak = next(line for line in open(f"/proc/{one.process.pid}/status") if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) < 300 * 1024
    assert one("init", method="random", parameters=SPACE) == {"ok": True}


def test_what_save_answers_is_loaded_however_long_it_is(suggest):
    one, two = suggest(), suggest()
    text = "x" * (1 << 20)
    one("init", method="random", parameters={"x": [text]})
    for _ in range(66):
        one("ask")
    state = one("save")["state"]
    assert len(json.dumps(state)) > 64 << 20
    assert two("load", state=state) == {"ok": True}
    assert two("ask")["id"] == 67


def test_a_saved_state_goes_on_in_another_process(suggest):
    one, two = suggest(), suggest()
    search(one, "tpe", 20)
    assert two("load", state=one("save")["state"]) == {"ok": True}
    assert [two("ask") for _ in range(3)] == [one("ask") for _ in range(3)]


def test_asha_pauses_and_resumes(suggest):
    one = suggest()
    one("init", method="asha", seed=1, max_step=9, trials=30, parameters=SPACE)
    steps, resumed, full = {}, 0, 0
    while True:
        trial = one("ask")
        if trial.get("finished"):
            break
        resumed += trial.get("resumed", False)
        verdict = "go_on"
        while verdict == "go_on":
            steps[trial["id"]] = step = steps.get(trial["id"], 0) + 1
            verdict = one("report", id=trial["id"], step=step, value=loss(trial["params"]) + 1 / step)["verdict"]
        full += verdict == "stop"
    assert len(steps) == 30 and resumed > 0 and full > 0
    assert sum(steps.values()) < 30 * 9 / 2


def test_the_last_line_needs_no_newline(baton_bin):
    done = subprocess.run([baton_bin, "suggest"], input='{"op":"ask"}', capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "comes before init" in done.stdout and done.stdout.endswith("\n")


def test_it_ends_when_nobody_listens(suggest):
    one = suggest()
    one("init", method="random", parameters=SPACE)
    one.process.stdout.close()
    one.process.stdin.write('{"op":"ask"}\n' * 2)
    one.process.stdin.flush()
    assert one.process.wait(timeout=60) in (0, -signal.SIGPIPE)


def test_sobol_points_are_those_of_scipy(baton_bin):
    qmc = pytest.importorskip("scipy.stats.qmc")
    program = baton_bin.parent / "sobol_for_tests"
    done = subprocess.run([program, "160", "512"], capture_output=True, text=True, check=True)
    ours = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert ours == qmc.Sobol(160, scramble=False).random(512).tolist()
