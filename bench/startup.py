#!/usr/bin/env python3
"""How long does a container that does nothing take, all records written? Side by side with what is installed.

    bench/startup.py [--runs 20]

One root filesystem (a small Debian image made by baton) for all. The tools take turns, round by round, so that a drifting
machine hurts all of them alike; medians, processor time (of the client and what it waits for; a daemon's is not seen) and
ratios are printed. Then: how many runs a second with two at a time, and what the agent occupies in memory. Needs root;
starts its own dockerd under a temporary directory and stops it again. TMPDIR should name one on a real disk.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import peers

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATON = os.environ.get("BATON_BIN", str(ROOT / "build/release/baton"))
GOAL_MS, GOAL_OF_DOCKER, GOAL_RSS_MIB = 30, 0.1, 12


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def timed(command, env):
    """Milliseconds on the clock and of processor time."""
    begin, spent = time.perf_counter(), processor_time()
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)
    took, spent = time.perf_counter() - begin, processor_time() - spent
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")
    return took * 1000, spent * 1000


def image_root(env, directory):
    """Has baton make the small image, and gives its root filesystem."""
    (directory / "baton.yaml").write_text("name: nothing\nimage: {debian: trixie}\ncommand: [\"true\"]\n")
    subprocess.run([BATON, "run", "-q", str(directory)], env=env, check=True, stdin=subprocess.DEVNULL)
    return next((pathlib.Path(env["BATON_HOME"]) / "images").glob("*/root"))


def host_spec(directory):
    path = directory / "host"
    path.mkdir()
    (path / "baton.yaml").write_text("name: nothing\nimage: host\ncommand: [\"true\"]\n")
    return path


def measure(tools, runs):
    """Name → list of (clock, processor) for the tools that run here."""
    times = {}
    for name, (command, env) in tools.items():
        try:
            timed(command, env)
            times[name] = []
        except RuntimeError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    for _ in range(runs):
        for name, taken in times.items():
            taken.append(timed(*tools[name]))
    return times


def print_times(times):
    def middle(name, what):
        return statistics.median(pair[what] for pair in times[name])
    print(f"{'':22} {'min ms':>8} {'median':>8} {'max':>8} {'cpu ms':>8}   baton run / it")
    for name, taken in times.items():
        clock = [pair[0] for pair in taken]
        print(f"{name:22} {min(clock):8.1f} {middle(name, 0):8.1f} {max(clock):8.1f} {middle(name, 1):8.1f}   "
              f"{middle('baton run', 0) / middle(name, 0):8.2f}")
    print(f"goals: baton run at most {GOAL_MS} ms, and at most {GOAL_OF_DOCKER} of docker run")


def throughput(command, env, runs):
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as two:
        list(two.map(lambda _: timed(command, env), range(runs)))
    print(f"two at a time: {runs / (time.perf_counter() - begin):.1f} runs a second")


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024 for name in ("VmRSS", "RssAnon", "VmHWM")}


def agent_memory(env, directory, mib):
    """MiB resident of the agent beside a program that has committed `mib` MiB and now does nothing."""
    work = directory / "idle"
    work.mkdir()
    commit = f"head -c {mib}M /dev/urandom > $BATON_CHECKPOINT_DIR/x; /baton/bin/baton commit; " if mib else ""
    (work / "baton.yaml").write_text(f"name: idle\nimage: host\ncommand: {commit}echo ready; sleep 1000\n")
    agent = subprocess.Popen([BATON, "run", str(work)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    try:
        if not any("ready" in line for line in agent.stdout):
            raise RuntimeError("the idle program did not start")
        time.sleep(2)  # the agent's own rounds: heartbeat, logs, requests
        return memory(agent.pid)
    finally:
        agent.send_signal(signal.SIGINT)
        agent.send_signal(signal.SIGINT)
        agent.wait(timeout=60)
        shutil.rmtree(work)


def print_memory(env, directory):
    for mib in (0, 2048):
        sizes = agent_memory(env, directory, mib)
        print(f"agent beside an idle program{f', after a commit of {mib} MiB' if mib else ''}: "
              f"{sizes['VmRSS']:.1f} MiB resident ({sizes['RssAnon']:.1f} not shared), at most {sizes['VmHWM']:.1f} "
              f"(goal: {GOAL_RSS_MIB} resident)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--no-memory", action="store_true", help="leave out the agent's memory, which writes 2 GiB")
    options = parser.parse_args()
    peers.show_one_cgroup_version()
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as name:
        directory = pathlib.Path(name)
        env = dict(os.environ, BATON_HOME=str(directory / "home"))
        env.pop("BATON_STORE", None)
        root = image_root(env, directory)
        tools = {"baton run": ([BATON, "run", "-q", str(directory)], env),
                 "baton run, image: host": ([BATON, "run", "-q", str(host_spec(directory))], env)}
        for tool, command in peers.runtime_commands(root, directory, ["true"]).items():
            tools[tool] = (command, os.environ)
        if shutil.which("podman"):
            tools["podman run"] = (peers.podman_command(root, ["true"]), os.environ)
        with peers.docker_daemon(root, directory) as docker_env:
            if docker_env:
                tools["docker run"] = (["docker", "run", "--rm", "--network=none", "nothing", "true"], docker_env)
            print_times(measure(tools, options.runs))
        throughput(*tools["baton run"], options.runs * 5)
        if not options.no_memory:
            print_memory(env, directory)


if __name__ == "__main__":
    sys.exit(main())
