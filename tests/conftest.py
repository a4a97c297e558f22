"""What the tests of the whole binary share."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute, or makes an image")
    config.addinivalue_line("markers", "timeout(seconds): for pytest-timeout, where it is installed")
    config.addinivalue_line("markers", "xdist_group(name): one after the other where tests run side by side, as they share something costly")
    # A shell starts what it puts in the background with SIGINT ignored, and that would be inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Side by side (pytest -n), the long ones begin first, so that none is left alone at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def baton_bin():
    """The binary under test: $BATON_BIN, or the release build."""
    binary = Path(os.environ.get("BATON_BIN") or ROOT / "build" / "release" / "baton")
    if not os.access(binary, os.X_OK):
        pytest.skip(f"{binary} is not built: cmake --preset release && cmake --build --preset release")
    return binary


class Cli:
    """The real binary with a home, a store and a working directory of its own."""

    def __init__(self, binary, directory):
        self.binary, self.dir = str(binary), directory
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BATON_")}
        self.env.update(BATON_HOME=str(directory / "home"), TERM="xterm", LANG="C.UTF-8")
        self.started = []

    def __call__(self, *words, check=0, **options):
        """Runs it to its end; `check`: the exit status that it must have, or None."""
        options.setdefault("env", self.env)
        options.setdefault("cwd", self.dir)
        options.setdefault("timeout", 120)
        done = subprocess.run([self.binary, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, **options)
        assert check is None or done.returncode == check, f"{words} → {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *words):
        return json.loads(self(*words, "--json").stdout)

    def start(self, *words, **options):
        """Starts it and does not wait; it is killed at the end of the test."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen([self.binary, *map(str, words)], env=self.env, cwd=self.dir, text=True,
                                   stdin=subprocess.DEVNULL, **options)
        self.started.append(process)
        return process

    def spec(self, program="echo hello", name="test", extra="", where=""):
        """Writes a spec whose program is a shell script in a code directory; returns the spec's path."""
        directory = self.dir / where
        (directory / "code").mkdir(parents=True, exist_ok=True)
        (directory / "code" / "run.sh").write_text(program)
        spec = directory / "baton.yaml"
        spec.write_text(f"name: {name}\nimage: host\ncode: ./code\ncommand: [sh, run.sh]\n{extra}\n")
        return spec

    def show(self, job="latest"):
        return self.json("show", job)

    def wait(self, condition, what, seconds=60):
        """Waits until condition() is true and returns what it gave."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"waited {seconds} s for {what}")

    def wait_for_state(self, state, job="latest"):
        return self.wait(lambda: self.show(job)["state"] == state, f"job {job} to be {state}")

    def wait_for_output(self, text, job="latest"):
        return self.wait(lambda: text in self("logs", job, check=None).stdout, f"{text!r} in the output")

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        listing = self("ps", "--all", "--json", check=None)
        running = [job for job in (json.loads(listing.stdout) if listing.returncode == 0 else []) if job["state"] == "running"]
        for job in running:
            if not job["abandoned"]:
                os.kill(self.show(job["id"])["attempts"][-1]["pid"], signal.SIGKILL)
                self.wait(lambda name=job["id"]: self.show(name)["abandoned"], "the agent's end")
        if running:
            self("store", "gc", check=None)  # control groups would outlive the test's directory


@pytest.fixture
def cli(baton_bin, tmp_path):
    one = Cli(baton_bin, tmp_path)
    yield one
    one.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """In ./check a skipped test is a failure, unless its reason proves that this machine cannot run it."""
    outcome = yield
    report = outcome.get_result()
    if not report.skipped or not os.environ.get("BATON_CHECK"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if "impossible here: " not in reason:
        report.outcome = "failed"
        report.longrepr = f"this test could have run, but was skipped: {reason}"
