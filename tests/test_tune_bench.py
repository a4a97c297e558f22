"""The benchmark of the optimiser measures what it says: known minima, workers, the same conditions for all."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench" / "tune"))
import bench  # noqa: E402
import report  # noqa: E402
from problems import PROBLEMS  # noqa: E402
from simulate import TIMES, simulate  # noqa: E402

H6 = [0.20168951, 0.15001069, 0.47687397, 0.27533243, 0.31165161, 0.65730053]
MINIMA = {"branin": [3.14159265, 2.275], "currin": [0.21666667, 0], "park1": [1, 1, 1, 1],
          "hartmann3": [0.11458884, 0.55564889, 0.85254699], "hartmann6": H6, "hartmann6-noisy": H6, "hartmann18": H6 * 3,
          "ackley10": [0] * 10, "levy10": [1] * 10}


def draw(space, rng):
    params = {}
    for name, one in space.items():
        one = one if isinstance(one, dict) else {"choices": one}
        if all(params.get(key) == value for key, value in one.get("when", {}).items()):
            params[name] = rng.choice(one["choices"]) if "choices" in one else rng.uniform(one["min"], one["max"])
    return params


@pytest.mark.parametrize("name", PROBLEMS)
def test_minima_are_known(name):
    problem = PROBLEMS[name]
    at = {"lr": 10**-1.5, "width": 160, "optimizer": "sgd", "momentum": 0.9, "activation": "gelu"}
    if name != "mixed":
        at = {f"x{i}": value for i, value in enumerate(MINIMA[name])}
    assert problem.value(at) == pytest.approx(problem.minimum, abs=1e-6)
    rng = random.Random(1)
    assert min(problem.value(draw(problem.space, rng)) for _ in range(2000)) > problem.minimum - 1e-12


def test_the_problems_in_cpp_are_the_same(baton_bin):
    program = baton_bin.parent / "problems_for_tests"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    listed = {name: (float(minimum), float(noise)) for name, minimum, noise in map(str.split, listed)}
    assert set(listed) == set(PROBLEMS)
    for name, (minimum, noise) in listed.items():
        assert (minimum, noise) == (pytest.approx(PROBLEMS[name].minimum, abs=1e-12), PROBLEMS[name].noise), name
    rng = random.Random(3)
    asked = [(problem, draw(problem.space, rng)) for problem in PROBLEMS.values() for _ in range(50)]
    asked += [(problem, {name: bound[end] for name, bound in problem.space.items()}) for problem in PROBLEMS.values()
              if problem.name != "mixed" for end in ("min", "max")]
    lines = "".join(json.dumps({"problem": problem.name, "params": params}) + "\n" for problem, params in asked)
    values = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.split()
    assert len(values) == len(asked)
    for (problem, params), value in zip(asked, values):
        assert float(value) == pytest.approx(problem.value(params), rel=1e-9, abs=1e-9), (problem.name, params)


class Scripted:
    """A suggester that draws at random and watches what is open."""

    def __init__(self):
        self.open, self.most, self.told, self.asked, self.rng = {}, 0, [], 0, random.Random(5)

    def __call__(self, op, **members):
        if op == "init":
            self.space = members["parameters"]
        elif op == "ask":
            self.asked += 1
            self.open[self.asked] = draw(self.space, self.rng)
            self.most = max(self.most, len(self.open))
            return {"id": self.asked, "params": self.open[self.asked]}
        else:
            del self.open[members["id"]]
            self.told.append((members["id"], members["value"]))
        return {"ok": True}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("workers", [1, 4, 8])
def test_workers_run_side_by_side(times, workers):
    one, two = Scripted(), Scripted()
    curve, _ = simulate(one, {}, PROBLEMS["branin"], workers, times, 3, 50)
    assert simulate(two, {}, PROBLEMS["branin"], workers, times, 3, 50)[0] == curve
    assert one.most == workers and not one.open and one.asked == 50 == len(curve)
    assert curve == sorted(curve, reverse=True)
    order = [handle for handle, _ in one.told]
    assert sorted(order) == list(range(1, 51)) and (order == sorted(order)) == (workers == 1)


def test_noise_is_seen_but_not_counted():
    one = Scripted()
    problem = PROBLEMS["hartmann6-noisy"]
    curve, _ = simulate(one, {}, problem, 1, "uniform", 1, 30)
    best = min(one.told, key=lambda told: told[1])
    assert curve[-1] != pytest.approx(best[1] - problem.minimum) and curve[-1] >= 0


def test_times_have_mean_one():
    rng = random.Random(2)
    for name, sample in TIMES.items():
        values = [sample(rng) for _ in range(20000)]
        assert min(values) >= 0 and sum(values) / len(values) == pytest.approx(1, rel=0.03), name


def test_the_report_shows_median_and_quartiles():
    listed = {"methods": ["bayes", "random"], "problems": ["branin"], "times": ["half-normal"]}
    results = [{"method": method, "problem": "branin", "workers": 4, "times": "half-normal", "seed": seed,
                "regret": [scale * (seed + 1)] * 100} for method, scale in (("bayes", 0.01), ("random", 1)) for seed in range(5)]
    cells = report.cells_of(results)
    text = report.markdown_of(cells, listed)
    assert "| branin | 25 | **0.030** | 3.0 |" in text
    assert "|  | 100 | **0.030** (0.020–0.040) | 3.0 (2.0–4.0) |" in text
    assert "| half-normal | 4 | random | 1 | 0 | 0 |" in text
    assert report.summary_of(cells)[0]["100"] == {"lower": 0.02, "median": 0.03, "upper": 0.04}


def test_runs_are_kept_as_steps():
    result = {"method": "bayes", "evaluations": 7, "regret": [3.0, 3.0, 2.5, 2.5, 2.5, 0.1, 0.1]}
    line = bench.line_of(result)
    assert '"regret": [[1, 3.0], [3, 2.5], [6, 0.1]]' in line and bench.result_of(line) == result


def test_a_summary_is_added_to(tmp_path, capsys):
    """What was measured elsewhere stays, until more seeds are there."""
    listed = {"methods": ["bayes", "random"], "problems": ["branin"], "times": ["half-normal"]}

    def runs(method, seeds, scale):
        return [{"method": method, "problem": "branin", "workers": 4, "times": "half-normal", "seed": seed,
                 "regret": [scale * (seed + 1)] * 100} for seed in range(seeds)]

    summary = tmp_path / "summary.json"
    report.write(runs("random", 5, 1), listed, summary=summary)
    report.write(runs("random", 4, 9) + runs("bayes", 5, 2), listed, summary=summary)
    text = capsys.readouterr().out
    assert "| half-normal | 4 | 5 | 5 |" in text and "| branin | 25 | 6.0 | **3.0** |" in text
    report.write(runs("random", 7, 0.1), listed, summary=summary)
    assert [(row["method"], row["seeds"], row["50"]["median"]) for row in json.loads(summary.read_text())] == [
        ("bayes", 5, 6), ("random", 7, 0.4)]
