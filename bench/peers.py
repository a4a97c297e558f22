"""Other programs that start containers, for the benches to stand beside: how each is called on one root filesystem."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time


def show_one_cgroup_version():
    """crun 1.8 refuses machines that mix cgroup versions 1 and 2: this process and its children see version 1 alone."""
    mixed = pathlib.Path("/sys/fs/cgroup/unified/cgroup.controllers")
    if mixed.exists():
        os.execvp("unshare", ["unshare", "-m", "sh", "-c", 'umount /sys/fs/cgroup/unified && exec "$@"', "sh",
                              sys.executable, *sys.argv])


def bundle(runtime, root, directory, argv):
    """An OCI bundle of the runtime's own default configuration."""
    path = directory / f"bundle-{runtime}"
    path.mkdir()
    subprocess.run([runtime, "spec"], cwd=path, check=True)
    config = json.loads((path / "config.json").read_text())
    config["process"].update(args=argv, terminal=False)
    config["process"].pop("rlimits", None)  # this machine may refuse to raise them
    config["root"] = {"path": str(root), "readonly": True}
    (path / "config.json").write_text(json.dumps(config))
    return path


def runtime_commands(root, directory, argv):
    """Name → command line of what is installed of crun, runc and bubblewrap."""
    found = {}
    for runtime in ("crun", "runc"):
        if shutil.which(runtime):
            path = bundle(runtime, root, directory, argv)
            found[f"{runtime} run"] = [runtime, "--root", str(directory / f"state-{runtime}"), "run", "--bundle", str(path),
                                       f"bench-{os.getpid()}-{runtime}"]
    if shutil.which("bwrap"):
        found["bwrap"] = ["bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", *argv]
    return found


def podman_command(root, argv):
    """podman, with limits that it need not raise: it lowers its own number of processes to 32768 before."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = 32768 if processes == resource.RLIM_INFINITY else min(processes, 32768)
    return ["podman", "run", "--rm", "--network=none", f"--ulimit=nofile={files}:{files}",
            f"--ulimit=nproc={processes}:{processes}", "--cgroups=disabled", "--rootfs", f"{root}:O", *argv]


@contextlib.contextmanager
def docker_daemon(root, directory):
    """A dockerd of our own with the root filesystem imported as "nothing"; yields the client's environment, or None."""
    if not shutil.which("dockerd"):
        yield None
        return
    socket = directory / "docker.sock"
    with open(directory / "dockerd.log", "w", encoding="utf-8") as log:
        daemon = subprocess.Popen(["dockerd", "--data-root", str(directory / "docker"), "--exec-root",
                                   str(directory / "exec"), "-p", str(directory / "dockerd.pid"), "-H", f"unix://{socket}",
                                   "--iptables=false", "--bridge=none"], stdout=log, stderr=log)
        env = dict(os.environ, DOCKER_HOST=f"unix://{socket}")
        try:
            while subprocess.run(["docker", "version"], env=env, capture_output=True, check=False).returncode != 0:
                if daemon.poll() is not None:
                    raise RuntimeError("dockerd ended: " + (directory / "dockerd.log").read_text()[-500:])
                time.sleep(0.1)
            with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
                subprocess.run(["docker", "import", "-", "nothing"], env=env, stdin=tar.stdout, check=True,
                               capture_output=True)
            yield env
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=60)
