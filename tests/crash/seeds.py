"""What the crash tests share: seeds that are run two at a time and replayed one by one, and a look at processes."""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Failure(Exception):
    """A broken promise, with what shows it."""


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def descendants(pid):
    """Every process below `pid`, by the kernel's own lists of children."""
    found, queue = [], [pid]
    while queue:
        current = queue.pop()
        try:
            tasks = list(pathlib.Path(f"/proc/{current}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                children = [int(word) for word in (task / "children").read_text().split()]
            except OSError:
                continue
            found += children
            queue += children
    return found


def run_seed(make_trial, options, seed, verbose=False):
    """Returns (seed, plan, kills, None or what went wrong)."""
    with tempfile.TemporaryDirectory(prefix=f"baton-crash-{seed}-", ignore_cleanup_errors=True) as directory:
        trial = make_trial(options.binary, seed, directory, verbose, options.store)
        why = None
        try:
            trial.run()
        except Failure as failure:
            why = str(failure)
        except subprocess.TimeoutExpired as late:
            why = f"hangs: {late}"
        return seed, trial.plan, trial.kills, why


def main(script, doc, make_trial, default_seeds):
    """The command line. `make_trial(binary, seed, directory, verbose, store)` gives a trial: run() raises Failure."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="replay one seed, verbosely")
    parser.add_argument("--seeds", default=default_seeds, help="FIRST-LAST")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--binary", default=os.environ.get("BATON_BIN", str(ROOT / "build/release/baton")))
    parser.add_argument("--store", help="URL of a bucket and prefix, instead of a directory")
    options = parser.parse_args()
    if options.seed is not None:
        seed, plan, kills, why = run_seed(make_trial, options, options.seed, True)
        print(f"seed {seed} ({plan}, {kills} kills): {why or 'ok'}")
        return 1 if why else 0
    first, last = (int(word) for word in options.seeds.split("-"))
    kills, bad = 0, []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for seed, plan, count, why in pool.map(lambda s: run_seed(make_trial, options, s), range(first, last + 1)):
            kills += count
            if why:
                bad.append(seed)
                print(f"seed {seed} ({plan}): {why}\n  replay: {os.path.relpath(script, ROOT)} --seed {seed}", flush=True)
    print(f"{last - first + 1} seeds, {kills} kills, {len(bad)} failed {bad if bad else ''}")
    if kills == 0:
        print("nothing was killed, so nothing is shown")
    return 1 if bad or kills == 0 else 0
