#!/usr/bin/env python3
"""Kills baton again and again, by a seed, and proves that the job ends as if nothing had happened.

    tests/crash/crash.py --seed 17          replays one seed, verbosely
    tests/crash/crash.py --seeds 0-299      runs many, two at a time; prints the seeds that failed
    tests/crash/crash.py --store s3://b/p   in a bucket: a prefix of its own for each seed

Every seed draws one of these plans: SIGKILL of the agent, of the program or of both at random moments; death between
any two store writes, torn writes and lost replies through the fault-injecting store ($BATON_TEST_FAULTS).
"""
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from seeds import Failure, command_of, descendants, main  # noqa: E402

STEPS = 16
MAX_ROUNDS = 60


def expected_chain():
    digest, lines = "", []
    for step in range(1, STEPS + 1):
        digest = hashlib.sha256(f"{digest}:{step}".encode()).hexdigest()
        lines.append(f"{step},{digest}")
    return lines


class Trial:
    """One seed: a store, a job, and a plan of kills."""

    def __init__(self, binary, seed, directory, verbose, store=None):
        self.binary, self.seed, self.verbose = binary, seed, verbose
        self.random = random.Random(seed)
        self.plan = self.random.choice(["agent", "program", "both", "writes", "writes", "replies"])
        self.dir = pathlib.Path(directory)
        self.env = dict(os.environ, BATON_HOME=str(self.dir / "home"), BATON_STORE=f"{store}/{self.dir.name}" if store else str(self.dir / "store"))
        self.kills = 0

    def say(self, text):
        if self.verbose:
            print(f"[seed {self.seed}] {text}", flush=True)

    def baton(self, *words, faults=None, check=True):
        env = dict(self.env, BATON_TEST_FAULTS=faults) if faults else self.env
        done = subprocess.run([self.binary, *words], env=env, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise Failure(f"baton {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def prepare(self):
        code = self.dir / "code"
        code.mkdir()
        (code / "program.py").write_text((HERE / "program.py").read_text())
        (self.dir / "data").mkdir()
        (self.dir / "data" / "lock").write_text("")
        (self.dir / "baton.yaml").write_text(
            "name: crash\nimage: host\ncode: ./code\ndata: {/data: ./data}\n"
            "command: [/usr/bin/python3, program.py]\n"
            f"params: {{steps: {STEPS}}}\nresults: ./results\nretries: 1000\n"
            "checkpoint: {every: 1h, keep: 2}\npreemption: {grace: 5s}\n")

    def faults(self, round_number):
        seed = self.seed * 1000 + round_number
        if self.plan == "writes":
            return f"seed={seed},kill=0.04,torn=0.02"
        if self.plan == "replies":
            return f"seed={seed},lost=0.15,error=0.10,kill=0.02"
        return None

    def jobs(self):
        listing = self.baton("ps", "-a", "--json")
        return json.loads(listing.stdout)

    def state(self, job):
        return json.loads(self.baton("show", job, "--json").stdout)

    def kill_something(self, agent):
        """SIGKILL to the agent, to the processes of its container, or to both."""
        victims = []
        if self.plan in ("program", "both"):
            victims += [pid for pid in descendants(agent.pid) if command_of(pid).startswith("/usr/bin/python3")]
        if self.plan in ("agent", "both"):
            victims.append(agent.pid)
        self.random.shuffle(victims)
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                pass

    def one_round(self, number, words, interfere):
        faults = self.faults(number) if interfere else None
        env = dict(self.env, BATON_TEST_FAULTS=faults) if faults else self.env
        log = open(self.dir / f"round-{number}.log", "w+")
        agent = subprocess.Popen([self.binary, *words], env=env, stdout=log, stderr=subprocess.STDOUT,
                                 stdin=subprocess.DEVNULL, start_new_session=True)
        if interfere and not faults:
            deadline = time.monotonic() + self.random.uniform(0.01, 0.45)
            while time.monotonic() < deadline and agent.poll() is None:
                time.sleep(0.002)
            self.kill_something(agent)
        try:
            status = agent.wait(timeout=90)
        except subprocess.TimeoutExpired:
            agent.kill()
            log.seek(0)
            raise Failure(f"round {number} hangs: {log.read()[-2000:]}")
        if status == -signal.SIGKILL and faults:
            self.kills += 1
        log.seek(0)
        text = log.read()
        self.say(f"round {number} {' '.join(words[:2])} → {status}\n{text}")
        if "another copy of this program" in text:
            raise Failure(f"round {number}: two programs ran at once")
        return status

    def run(self):
        self.prepare()
        spec = str(self.dir / "baton.yaml")
        interfered_rounds = self.random.randint(2, 6)
        job = None
        for number in range(MAX_ROUNDS):
            words = ["resume", job] if job else ["run", spec]
            self.one_round(number, words, interfere=number < interfered_rounds)
            if not job:
                known = self.jobs()
                job = known[-1]["id"] if known else None  # killed before the job was complete: run again
            elif self.state(job)["state"] == "succeeded":
                break
            if job and self.state(job)["state"] == "succeeded":
                break
        else:
            raise Failure("the job never finished")
        self.verify(job)

    def verify(self, job):
        want = expected_chain()
        results = self.dir / "results" / job
        if not results.is_dir():  # killed between the record of the end and the delivery: the store has them
            results = self.dir / "fetched"
            self.baton("results", job, "--to", str(results))
        got = (results / "log.csv").read_text().splitlines()
        if got != want:
            raise Failure(f"log.csv has {len(got)} lines and differs from the expected {len(want)}: {got}")
        if (results / "final.txt").read_text().strip() != want[-1].split(",")[1]:
            raise Failure("final.txt is wrong")
        metrics = [json.loads(line) for line in self.baton("metrics", job, "--json").stdout.splitlines()
                   if line.startswith('{"step"')]
        steps = [m["step"] for m in metrics]
        if steps and steps != list(range(1, STEPS + 1)):
            raise Failure(f"the metrics hold steps {steps}")
        check = self.baton("store", "check", "--json", check=False)
        findings = [f for f in json.loads(check.stdout).get("findings", []) if not f.get("harmless")]
        if findings or check.returncode != 0:
            raise Failure(f"store check: {check.stdout}{check.stderr}")
        left = [p for p in pathlib.Path("/proc").glob("[0-9]*") if str(self.dir) in command_of(int(p.name))]
        if left:
            raise Failure(f"processes were left running: {[command_of(int(p.name)) for p in left]}")
        self.verify_machine()

    def verify_machine(self):
        """The last agent may have been killed too, after the job's end; then gc clears up what it left."""
        self.say(f"left on this machine before gc: {self.leftovers()}")
        self.baton("store", "gc")
        if left := self.leftovers():
            raise Failure(f"left on this machine: {left}")

    def leftovers(self):
        """Control groups of this store's jobs, mounts in its directory, directories of its attempts."""
        jobs = [job["id"] for job in self.jobs()]
        groups = [path for path, _, _ in os.walk("/sys/fs/cgroup") if any(f"baton-{job}-" in path for job in jobs)]
        mounts = []
        for table in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
            try:
                mounts += [line for line in table.read_text().splitlines() if str(self.dir) in line]
            except OSError:
                pass
        run = self.dir / "home" / "run"
        return groups + mounts + (os.listdir(run) if run.is_dir() else [])


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, Trial, "0-299"))
