#!/usr/bin/env python3
"""How long does `baton ps` take on a store of many finished jobs? Side by side with ls, which reads as many names.

    bench/ps.py [--jobs 100000] [--runs 9]

The store is a real one with one real job; of the other jobs only their markers in index/ are made, for of finished jobs ps
reads nothing else (docs/store-format.md, section 4). Cold means that the kernel's
caches were dropped before (needs root), for both sides. TMPDIR should name a directory on a real disk. Medians and ratios are printed.
"""
import argparse
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATON = os.environ.get("BATON_BIN", str(ROOT / "build/release/baton"))
BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
GOAL_MS = 200


def baton(env, *arguments):
    return subprocess.run([BATON, *arguments], env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def make_store(env, directory, jobs):
    """Gives the directory of the markers."""
    (directory / "baton.yaml").write_text("name: nothing\nimage: host\ncommand: [\"true\"]\n")
    baton(env, "run", str(directory))
    index = pathlib.Path(env["BATON_HOME"]) / "store/index"
    seed = random.Random(1)
    for i in range(jobs - 1):
        when = time.strftime("%y%m%d-%H%M%S", time.gmtime(1_700_000_000 + 60 * i))
        job = when + "-" + "".join(seed.choice(BASE32) for _ in range(6))
        state = seed.choice(("succeeded", "failed", "stopped"))
        (index / f"{job}~sweep-{i % 7}~{state}~{seed.randint(1, 4)}~{seed.randint(1, 10**7)}~00000004").touch()
    return index


def drop_caches():
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def median_ms(command, env, runs, cold):
    taken = []
    for _ in range(runs):
        if cold:
            drop_caches()
        begin = time.perf_counter()
        subprocess.run(command, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as name:
        directory = pathlib.Path(name)
        env = dict(os.environ, BATON_HOME=str(directory / "home"))
        env.pop("BATON_STORE", None)
        index = make_store(env, directory, options.jobs)
        commands = {"ls -f": ["ls", "-f", str(index)], "ls": ["ls", str(index)],
                    "baton ps": [BATON, "ps"], "baton ps --json": [BATON, "ps", "--json"],
                    "baton ps --all": [BATON, "ps", "--all"], "baton ps --all --json": [BATON, "ps", "--all", "--json"]}
        print(f"{options.jobs} finished jobs{'':12} {'warm ms':>9} {'cold ms':>9}   warm / ls -f")
        floor = None
        for what, command in commands.items():
            warm = median_ms(command, env, options.runs, False)
            cold = median_ms(command, env, max(3, options.runs // 3), True)
            floor = floor or warm
            print(f"{what:32} {warm:9.1f} {cold:9.1f}   {warm / floor:.2f}")
        print(f"goal: baton ps in less than {GOAL_MS} ms")


if __name__ == "__main__":
    sys.exit(main())
