#!/usr/bin/env python3
"""Baton's optimiser beside Optuna's on test problems with asynchronous workers.

    bench/tune/bench.py run [--methods …] [--problems …] [--workers …] [--times …] [--seeds 0:20] [--jobs 2]
    bench/tune/bench.py report [--markdown FILE] [--summary FILE]

`run` adds to --results (files of JSON lines, the first is written to) what is not there yet, so it can be stopped and started again; --again NAME
forgets a method's runs first. By default they are one in the cache and optuna-gp.jsonl beside this file: runs that took hours.
`report` prints tables of the median and the quartiles of the simple regret; with --summary, those of summary.json beside this file
are kept where they stand on more seeds, so that not all has to be run again on each machine.

Optuna comes from Debian's packages in roots of their own, made by mmdebstrap on first use (needs root) and kept in
~/.cache/baton-bench: bookworm for TPE, trixie for the Gaussian process. Every process has one thread.
"""
import argparse
import itertools
import json
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import report  # noqa: E402
from problems import PROBLEMS  # noqa: E402
from simulate import TIMES, Suggester, simulate  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BATON = HERE.parent.parent / "build/release/baton"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "baton-bench"
PACKAGES = {"bookworm": "python3-optuna", "trixie": "python3-optuna,python3-torch,python3-scipy"}
OPTUNA = {"optuna-tpe": ("bookworm", "tpe"), "optuna-tpe-mv": ("bookworm", "tpe-multivariate"),
          "optuna-gp": ("trixie", "gp")}
OWN = {"bayes": {}, "thompson": {"method": "bayes", "acquisition": "thompson"}, "tpe": {}, "sobol": {}, "random": {}}
ENVIRONMENT = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}}


def make_root(suite):
    """The root of a Debian suite with Optuna, made where it is not there yet."""
    root = CACHE / suite
    if root.exists():
        return root
    sources = pathlib.Path("/etc/apt/sources.list.d/debian.sources").read_text()
    mirror = next(line.split()[1] for line in sources.splitlines() if line.startswith("URIs:"))
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = CACHE / f"{suite}.partial"
    subprocess.run(["rm", "-rf", "--one-file-system", partial], check=True)
    subprocess.run(["mmdebstrap", "--variant=minbase", f"--include={PACKAGES[suite]}",
                    "--aptopt=APT::Install-Recommends false", suite, partial, mirror], check=True)
    partial.rename(root)
    return root


def command_of(method):
    if method in OWN:
        return [str(BATON), "suggest"]
    suite, kind = OPTUNA[method]
    root = make_root(suite)
    # PyTorch looks at /proc; the mounts end with the process.
    inside = 'mount -t proc proc "$0/proc" && mount --bind "$1" "$0/mnt" && exec chroot "$0" python3 /mnt/optuna_suggest.py "$2"'
    return ["unshare", "--mount", "sh", "-c", inside, str(root), str(HERE), kind]


def options_of(method):
    return {"method": method, **OWN[method]} if method in OWN else {}


suggesters = {}  # of this process


def one_run(run):
    method, problem, workers, times, seed, evaluations = run
    if method not in suggesters:
        suggesters[method] = Suggester(command_of(method), ENVIRONMENT)
    curve, took = simulate(suggesters[method], options_of(method), PROBLEMS[problem], workers, times, seed, evaluations)
    if method in OWN:  # one process, one study
        suggesters.pop(method).close()
    return {"method": method, "problem": problem, "workers": workers, "times": times, "seed": seed,
            "evaluations": evaluations, "seconds": round(took, 4), "regret": [float(f"{value:.5g}") for value in curve]}


def line_of(result):
    """In a file a curve is its steps: [evaluation, regret from there on]."""
    curve = result["regret"]
    steps = [[at, value] for at, value in enumerate(curve, 1) if at == 1 or value != curve[at - 2]]
    return json.dumps({**result, "regret": steps}) + "\n"


def result_of(line):
    result = json.loads(line)
    curve = []
    for at, value in result["regret"]:
        curve += curve[-1:] * (at - 1 - len(curve)) + [value]
    return {**result, "regret": curve + curve[-1:] * (result["evaluations"] - len(curve))}


def read_results(path):
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    # A run that was killed may have torn the last line.
    return [result_of(line) for line in lines if line.endswith("}")]


def key_of(result):
    return (result["method"], result["problem"], result["workers"], result["times"], result["seed"], result["evaluations"])


def run_all(options):
    into, *others = options.results
    results = read_results(into)
    if options.again:
        results = [result for result in results if result["method"] not in options.again]
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text("".join(line_of(result) for result in results))
    done = {key_of(result) for path in others for result in read_results(path)} | {key_of(result) for result in results}
    first, last = map(int, options.seeds.split(":"))
    # Seed by seed, so that what is there at any moment is balanced.
    wanted = [run for seed in range(first, last) for run in
              itertools.product(options.methods, options.problems, options.workers, options.times, [seed], [options.evaluations])
              if run not in done]
    for method in {run[0] for run in wanted}:
        command_of(method)  # makes the root before processes race for it
    with multiprocessing.Pool(options.jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool, \
            into.open("a") as file:
        for count, result in enumerate(pool.imap_unordered(one_run, wanted), 1):
            file.write(line_of(result))
            file.flush()
            if count % 50 == 0 or count == len(wanted):
                print(f"{count} of {len(wanted)}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    listed = {"methods": [*OWN, *OPTUNA], "problems": [*PROBLEMS], "times": [*TIMES]}
    for name, known in listed.items():
        parser.add_argument(f"--{name}", nargs="+", default=known if name != "times" else known[:1], choices=known)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 4, 8])
    parser.add_argument("--seeds", default="0:20", metavar="FIRST:END")
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", nargs="+", default=[])
    parser.add_argument("--results", type=pathlib.Path, nargs="+", default=[CACHE / "results.jsonl", HERE / "optuna-gp.jsonl"])
    parser.add_argument("--markdown", type=pathlib.Path, help="replace the tables between the markers in this file")
    parser.add_argument("--summary", type=pathlib.Path, help="a file of medians and quartiles, kept where it has more seeds, and brought up to date")
    options = parser.parse_args()
    if options.what == "run":
        run_all(options)
    else:
        results = [one for path in options.results for one in read_results(path)]
        report.write(results, listed, options.markdown, options.summary)


if __name__ == "__main__":
    main()
