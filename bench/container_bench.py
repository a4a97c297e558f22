#!/usr/bin/env python3
"""What does a container that runs `true` cost? baton's engine beside what is installed of crun, runc and bubblewrap.

    bench/container_bench.py [--runs 40]

All start from one root filesystem of busybox and take turns, round by round, so that a drifting machine hurts all alike. Only
baton mounts an overlay, applies limits and seccomp, and removes everything again; the others run their own default
configuration. Needs root and a release build with -DBATON_BENCH=ON. Prints medians and ratios.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import peers

PROJECT = pathlib.Path(__file__).resolve().parent.parent
BENCH = PROJECT / "build/release/container_start_bench"


def busybox_root(directory):
    root = directory / "root"
    (root / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    (root / "bin/true").symlink_to("busybox")
    return root


def timed(command):
    begin = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    milliseconds = (time.perf_counter() - begin) * 1000
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {done.stderr.strip()[-300:]}")
    return milliseconds, done.stdout


def contenders(root, directory):
    """Name → function that runs one container and gives its milliseconds."""
    found = {"baton's engine": lambda: float(timed([BENCH, root, "1"])[1]),
             "baton's engine, image: host": lambda: float(timed([BENCH, "host", "1"])[1])}
    for name, command in peers.runtime_commands(root, directory, ["/bin/true"]).items():
        found[name] = lambda c=command: timed(c)[0]
    found["fork and exec of true"] = lambda: timed(["true"])[0]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    if not BENCH.exists():
        raise SystemExit("build it first: cmake --preset release -DBATON_BENCH=ON && ninja -C build/release container_start_bench")
    peers.show_one_cgroup_version()
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        field = contenders(busybox_root(directory), directory)
        taken = {who: [] for who in field}
        for turn in range(runs + 1):
            for who in list(field):
                try:
                    milliseconds = field[who]()
                except RuntimeError as error:
                    print(f"{who} does not run here: {error}")
                    del field[who], taken[who]
                    continue
                if turn > 0:  # the first round warms the caches
                    taken[who].append(milliseconds)
    ours = statistics.median(taken["baton's engine"])
    print(f"{'':30} {'median':>9} {'fastest':>9} {'to ours':>8}   of {runs} runs, milliseconds")
    for who, all_of in sorted(taken.items(), key=lambda item: statistics.median(item[1])):
        middle = statistics.median(all_of)
        print(f"{who:30} {middle:9.2f} {min(all_of):9.2f} {middle / ours:8.2f}")


if __name__ == "__main__":
    main()
