#!/usr/bin/env python3
"""How many trials of `true` a second? baton's sweep beside GNU parallel driving `docker run`, and Slurm.

    bench/sweep.py [--trials 1000] [--peer-trials 100] [--only baton,parallel,slurm] [--record FILE]

baton runs 1,000 trials of `true`, two at a time, in this machine's own root, and writes every record durably. Told are the rate over
all, over the first hundred and over the last: they must be alike. The others are given fewer trials, as many at a time,
where they are installed (parallel, docker.io, slurm-wlm); of Slurm, one job array. Each measurement is a line of JSON in the
record, so they can be taken one by one: the ratios are those of the last of each kind in it. Needs root and a release build.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def baton_rates(binary, directory, trials):
    """Trials a second: overall, and of the first and the last hundred, by the times in the records."""
    (directory / "baton.yaml").write_text(
        'command: "true"\nparams: {x: 0}\nsweep: {method: random, parallel: 2, parameters: {x: {min: 0, max: 1}}, '
        f"trials: {trials}}}\n")
    env = dict(os.environ, BATON_HOME=str(directory / "home"))
    begin = time.perf_counter()
    subprocess.run([binary, "sweep", directory, "--quiet"], env=env, check=True, stdin=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    listing = subprocess.run([binary, "sweep", "results", "latest", "--json"], env=env, check=True, capture_output=True)
    records = json.loads(listing.stdout)
    assert len(records) == trials and all(r["state"] == "value" for r in records)
    closed = sorted(instant(r["closed_at"]) for r in records)
    part = min(100, trials // 2)
    return trials / seconds, (part - 1) / (closed[part - 1] - closed[0]), (part - 1) / (closed[-1] - closed[-part])


def instant(text):
    clock, milliseconds = text.rstrip("Z").split(".")
    return time.mktime(time.strptime(clock, "%Y-%m-%dT%H:%M:%S")) + int(milliseconds) / 1000


def docker_rate(directory, trials):
    """GNU parallel and docker run, two at a time, with a daemon and an image of its own."""
    root, socket = directory / "docker", f"unix://{directory}/docker.sock"
    daemon = subprocess.Popen(
        ["dockerd", "--data-root", root, "--exec-root", directory / "exec", "-p", directory / "docker.pid", "-H", socket,
         "--bridge=none", "--iptables=false"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        docker = ["docker", "-H", socket]
        deadline = time.monotonic() + 30
        while subprocess.run([*docker, "info"], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError("dockerd does not answer")
            time.sleep(0.1)
        (directory / "root/bin").mkdir(parents=True)
        shutil.copy("/bin/busybox", directory / "root/bin/true")
        tar = subprocess.run(["tar", "-C", directory / "root", "-c", "."], check=True, capture_output=True).stdout
        subprocess.run([*docker, "import", "-", "true"], input=tar, check=True, capture_output=True)
        begin = time.perf_counter()
        subprocess.run(["parallel", "-j2", *docker, "run", "--rm", "--network", "none", "true", "/bin/true", "#", "{}", ":::",
                        *map(str, range(trials))], check=True, stdin=subprocess.DEVNULL)
        return trials / (time.perf_counter() - begin)
    finally:
        daemon.terminate()
        daemon.wait()


def wait_until(condition, what, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(what)
        time.sleep(0.05)


def slurm_rate(directory, trials):
    """A job array of `true`, two at a time, by daemons of its own, from its submission until the queue is empty."""
    (directory / "slurm").mkdir()
    directory.chmod(0o755)  # munge wants its socket to be reachable for all
    conf, key, socket = directory / "slurm.conf", directory / "munge.key", directory / "munge.sock"
    key.touch(0o600)
    key.write_bytes(os.urandom(64))
    host = os.uname().nodename
    conf.write_text(
        f"ClusterName=bench\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge\n"
        f"AuthInfo=socket={socket}\nCredType=cred/munge\nMpiDefault=none\n"
        "ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nReturnToService=2\nSlurmctldPort=16817\n"
        f"StateSaveLocation={directory}/slurm\nSlurmdSpoolDir={directory}/slurm/spool\n"
        f"SlurmctldPidFile={directory}/ctld.pid\nSlurmdPidFile={directory}/d.pid\nSelectType=select/cons_tres\n"
        "SelectTypeParameters=CR_Core\nSchedulerParameters=sched_interval=1,sched_min_interval=0\nMaxArraySize=10001\n"
        f"NodeName={host} NodeAddr=127.0.0.1 Port=16818 CPUs=2\nPartitionName=all Nodes={host} Default=YES\n")
    env = dict(os.environ, SLURM_CONF=str(conf))
    munged = ["munged", "-F", f"--socket={socket}", f"--key-file={key}", f"--pid-file={directory}/munge.pid",
              f"--seed-file={directory}/munge.seed", f"--log-file={directory}/munge.log"]
    daemons = []

    def said(*command):
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout

    try:
        for command in (munged, ["slurmctld", "-D"], ["slurmd", "-D"]):
            daemons.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            wait_until(lambda: socket.exists() or daemons[0].poll() is not None, "munge does not come up", 10)
        wait_until(lambda: "idle" in said("sinfo", "-h", "-o", "%T"), "Slurm's node does not come up", 30)
        begin = time.perf_counter()
        subprocess.run(["sbatch", f"--array=1-{trials}", "-o", "/dev/null", "--wrap", "true"], env=env, check=True,
                       capture_output=True)
        wait_until(lambda: not said("squeue", "-h"), "Slurm's queue does not become empty", 200)
        return trials / (time.perf_counter() - begin)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


MEASURES = {"baton": ("baton sweep", baton_rates, ()),
            "parallel": ("GNU parallel and docker run", docker_rate, ("parallel", "dockerd", "docker")),
            "slurm": ("Slurm, one job array", slurm_rate, ("slurmctld", "slurmd", "munged", "sbatch"))}


def measure(name, options):
    """One line of the record."""
    _, rates, needed = MEASURES[name]
    missing = [program for program in needed if not shutil.which(program)]
    if missing:
        return {"what": name, "problem": f"{', '.join(missing)} not installed"}
    trials = options.trials if name == "baton" else options.peer_trials
    with tempfile.TemporaryDirectory(prefix="baton-bench-sweep-") as directory:
        home = pathlib.Path(directory)
        try:
            found = rates(options.binary, home, trials) if name == "baton" else rates(home, trials)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            return {"what": name, "problem": str(error)}
    line = {"what": name, "trials": trials, "rate": round(found[0] if name == "baton" else found, 2)}
    if name == "baton":
        line.update(first_hundred=round(found[1], 2), last_hundred=round(found[2], 2))
    return line


def report(lines):
    """Of the last measurement of each kind."""
    last = {line["what"]: line for line in lines}
    own = last.get("baton", {})
    for name, (title, _, _) in MEASURES.items():
        line = last.get(name)
        if line is None:
            continue
        if "problem" in line:
            print(f"{title:<30}  not measured: {line['problem']}")
            continue
        text = f"{title:<30}  {line['rate']:7.1f} trials a second ({line['trials']} trials"
        if name == "baton":
            text += (f"; first hundred {line['first_hundred']:.1f}, last {line['last_hundred']:.1f}, "
                     f"ratio {line['last_hundred'] / line['first_hundred']:.2f})")
        else:
            text += f"); baton is {own['rate'] / line['rate']:.1f} times as fast" if "rate" in own else ")"
        print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--peer-trials", type=int, default=100)
    parser.add_argument("--only", default=",".join(MEASURES), help="some of " + ",".join(MEASURES))
    parser.add_argument("--record", type=pathlib.Path, default=pathlib.Path.home() / ".cache/baton-bench/sweep.jsonl")
    parser.add_argument("--binary", default=PROJECT / "build/release/baton")
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(MEASURES):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(MEASURES)}")
    options.record.parent.mkdir(parents=True, exist_ok=True)
    for name in options.only.split(","):
        line = measure(name, options)
        with options.record.open("a") as record:
            record.write(json.dumps(line) + "\n")
    report([json.loads(line) for line in options.record.read_text().splitlines()])


if __name__ == "__main__":
    main()
