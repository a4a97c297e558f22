#!/usr/bin/env python3
"""How long does a container that does nothing take, all records written? Side by side with what is installed.

    bench/startup.py [--runs 20]

One root filesystem (a small Debian image made by baton) for all. The tools take turns, round by round, so that a drifting
machine hurts all of them alike; medians and ratios are printed. Also: what the agent occupies beside an idle program.
Needs root; starts its own dockerd under a temporary directory and stops it again.
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATON = os.environ.get("BATON_BIN", str(ROOT / "build/release/baton"))


def timed(command, env):
    begin = time.perf_counter()
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    took = time.perf_counter() - begin
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")
    return took * 1000


def image_root(env, directory):
    """Has baton make the small image, and gives its root filesystem."""
    (directory / "baton.yaml").write_text("name: nothing\nimage: {debian: trixie}\ncommand: [\"true\"]\n")
    subprocess.run([BATON, "run", str(directory)], env=env, check=True, stdin=subprocess.DEVNULL)
    images = json.loads(subprocess.run([BATON, "image", "ls", "--json"], env=env, check=True, capture_output=True,
                                       text=True).stdout)
    listing = images["images"] if isinstance(images, dict) else images
    home = pathlib.Path(env["BATON_HOME"])
    return next(p for p in (home / "images").glob("*/root") if p.parent.name == listing[0]["id"] or len(listing) == 1)


def bundle(runtime, root, directory):
    """An OCI bundle of the runtime's own default configuration, running `true`."""
    path = directory / f"bundle-{runtime}"
    path.mkdir()
    subprocess.run([runtime, "spec"], cwd=path, check=True)
    config = json.loads((path / "config.json").read_text())
    config["process"]["args"] = ["true"]
    config["process"]["terminal"] = False
    config["process"].pop("rlimits", None)  # this machine may refuse to raise them
    config["root"] = {"path": str(root), "readonly": True}
    (path / "config.json").write_text(json.dumps(config))
    return path


@contextlib.contextmanager
def docker_daemon(root, directory):
    """A dockerd of our own with the same root filesystem imported; yields the client's environment, or None."""
    if not shutil.which("dockerd"):
        yield None
        return
    socket = directory / "docker.sock"
    log = open(directory / "dockerd.log", "w")
    daemon = subprocess.Popen(["dockerd", "--data-root", str(directory / "docker"), "--exec-root", str(directory / "exec"),
                               "-p", str(directory / "dockerd.pid"), "-H", f"unix://{socket}", "--iptables=false",
                               "--bridge=none"], stdout=log, stderr=log)
    env = dict(os.environ, DOCKER_HOST=f"unix://{socket}")
    try:
        for _ in range(300):
            if daemon.poll() is not None:
                raise RuntimeError("dockerd ended: " + (directory / "dockerd.log").read_text()[-500:])
            if subprocess.run(["docker", "version"], env=env, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        tar = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["docker", "import", "-", "nothing"], env=env, stdin=tar.stdout, check=True, capture_output=True)
        tar.wait()
        yield env
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)
        log.close()


def podman_command(root):
    """podman on the same root filesystem, with limits that it need not raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    psoft, phard = resource.getrlimit(resource.RLIMIT_NPROC)
    def number(n):
        return "-1" if n == resource.RLIM_INFINITY else str(n)
    return ["podman", "run", "--rm", "--network=none", f"--ulimit=nofile={soft}:{hard}",
            f"--ulimit=nproc={number(psoft)}:{number(phard)}", "--cgroups=disabled", "--rootfs", f"{root}:O", "true"]


def agent_memory(env, directory):
    """Resident KiB of the agent beside an idle program, after a commit."""
    work = directory / "idle"
    work.mkdir()
    (work / "baton.yaml").write_text(
        "name: idle\nimage: host\ncommand: head -c 50M /dev/urandom > $BATON_CHECKPOINT_DIR/x; "
        "/baton/bin/baton commit; echo ready; sleep 60\n")
    agent = subprocess.Popen([BATON, "run", str(work)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    try:
        for line in agent.stdout:
            if "ready" in line:
                break
        time.sleep(3)
        status = pathlib.Path(f"/proc/{agent.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon", "VmHWM")}
    finally:
        agent.send_signal(signal.SIGINT)
        agent.send_signal(signal.SIGINT)
        agent.wait(timeout=60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as name:
        directory = pathlib.Path(name)
        env = dict(os.environ, BATON_HOME=str(directory / "home"))
        env.pop("BATON_STORE", None)
        root = image_root(env, directory)
        tools = {"baton run": ([BATON, "run", str(directory)], env)}
        for runtime in ("crun", "runc"):
            if shutil.which(runtime):
                tools[f"{runtime} run"] = ([runtime, "--root", str(directory / f"state-{runtime}"), "run", "--bundle",
                                            str(bundle(runtime, root, directory)), f"bench-{runtime}"], os.environ)
        if shutil.which("bwrap"):
            tools["bwrap"] = (["bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all",
                               "true"], os.environ)
        if shutil.which("podman"):
            tools["podman run"] = (podman_command(root), dict(os.environ))
        with docker_daemon(root, directory) as docker_env:
            if docker_env:
                tools["docker run"] = (["docker", "run", "--rm", "--network=none", "nothing", "true"], docker_env)
            times = {tool: [] for tool in tools}
            for tool, (command, tool_env) in list(tools.items()):
                try:
                    timed(command, tool_env)
                except RuntimeError as error:
                    print(f"{tool} is left out: {error}", file=sys.stderr)
                    del tools[tool], times[tool]
            for _ in range(options.runs):
                for tool, (command, tool_env) in tools.items():
                    times[tool].append(timed(command, tool_env))
        ours = statistics.median(times["baton run"])
        print(f"{'':14} {'min':>8} {'median':>8} {'max':>8}   baton / it")
        for tool, took in times.items():
            median = statistics.median(took)
            print(f"{tool:14} {min(took):6.1f}ms {median:6.1f}ms {max(took):6.1f}ms   {ours / median:8.2f}")
        print("agent beside an idle program, KiB:", agent_memory(env, directory))


if __name__ == "__main__":
    sys.exit(main())
