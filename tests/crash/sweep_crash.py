#!/usr/bin/env python3
"""Kills a sweep's process, its agents and its programs at random moments, and proves that every trial counts once.

    tests/crash/sweep_crash.py --seed 17        replays one seed, verbosely
    tests/crash/sweep_crash.py --seeds 0-99     runs many, two at a time; prints the seeds that failed
    tests/crash/sweep_crash.py --store s3://b/p in a bucket: a prefix of its own for each seed

Every seed draws the method, how many trials run at once, what is killed, how often, and after how long; half of them also
let the store break between writes ($BATON_TEST_FAULTS) in the sweep's own process.
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from seeds import Failure, command_of, descendants, main  # noqa: E402

TRIALS = 8
MAX_ROUNDS = 40
METHODS = ["random", "bayes", "tpe", "sobol", "grid", "asha"]

# Tells of a second copy of a trial that runs at the same time, children of a killed one included, and reports values that
# only x decides. Where reports are compared (`STEPS` is 3 then), it leaves time for a verdict after the first. A kill may
# hit flock itself, or the shell's child that is about to become it: only 75 says that it is taken. It may hit the child that
# reads the step as well: then the program has not come to its end.
PROGRAM = """
exec 9< /data/lock.$BATON_TRIAL
flock -n -E 75 9
taken=$?
[ $taken != 75 ] || echo another copy of this trial is running
[ $taken = 0 ] || exit 9
sleep 0.0$((BATON_TRIAL % 4 * 2 + 1))
step=$(cat $BATON_CHECKPOINT_DIR/step 2>/dev/null || echo 0)
while [ $step -lt STEPS ]; do
  step=$((step + 1))
  echo "{\\"step\\": $step, \\"loss\\": $BATON_PARAM_X}" >> $BATON_METRICS_FILE
  echo $step > $BATON_CHECKPOINT_DIR/new
  mv $BATON_CHECKPOINT_DIR/new $BATON_CHECKPOINT_DIR/step
  [ $step = 1 ] && [ STEPS != 1 ] && [ $((BATON_TRIAL % 2)) = 1 ] && sleep 2.5
done
[ "$step" = STEPS ] || exit 9
"""


class SweepTrial:
    """One seed: a store, a sweep, and a plan of kills."""

    def __init__(self, binary, seed, directory, verbose, store=None):
        self.binary, self.seed, self.verbose = binary, seed, verbose
        self.random = random.Random(seed)
        self.plan = self.random.choice(["driver", "agents", "programs", "all", "all"])
        self.faulty = self.random.random() < 0.5
        self.method = self.random.choice(METHODS)
        self.early = self.method not in ("grid", "asha") and self.random.random() < 0.3
        self.dir = pathlib.Path(directory)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BATON_")}
        self.env.update(BATON_HOME=str(self.dir / "home"))
        if store:
            self.env.update(BATON_STORE=f"{store}/{self.dir.name}")
        self.kills = 0

    def say(self, text):
        if self.verbose:
            print(f"[seed {self.seed}] {text}", flush=True)

    def baton(self, *words, check=True):
        done = subprocess.run([self.binary, *words], env=self.env, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode != 0:
            raise Failure(f"baton {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def prepare(self):
        (self.dir / "code").mkdir()
        (self.dir / "code" / "run.sh").write_text(PROGRAM.replace("STEPS", "3" if self.looks_at_reports() else "1"))
        (self.dir / "data").mkdir()
        for trial in range(1, TRIALS + 1):
            (self.dir / "data" / f"lock.{trial}").touch()
        (self.dir / "baton.yaml").write_text(
            "name: crash\nimage: host\ncode: ./code\ncommand: [sh, run.sh]\nretries: 1000\n"
            f"data: {{/data: ./data}}\nsweep:\n  metric: loss\n  method: {self.method}\n  seed: {self.seed}\n"
            f"  trials: {TRIALS}\n  parallel: {self.random.randint(1, 3)}\n"
            + ("  parameters: {x: {min: 0.125, max: 1, step: 0.125}}\n" if self.method == "grid" else
               "  parameters: {x: {min: 0, max: 1}}\n")
            + ("  max_step: 3\n  reduction: 2\n" if self.method == "asha" else "")
            + ("  stop_early: {after: 2, grace: 0}\n" if self.early else ""))
        self.say(f"method {self.method}{', stopping early' if self.early else ''}")

    def looks_at_reports(self):
        return self.early or self.method == "asha"

    def sweeps(self):
        return self.baton("sweep", "ls", "--ids").stdout.split()

    def kill_something(self, driver):
        below = [(pid, command_of(pid)) for pid in everything_of(self.dir, driver.pid)]
        agents = [pid for pid, command in below if " agent " in command]
        programs = [pid for pid, command in below if command.startswith("sh run.sh")]
        chosen = {"driver": [driver.pid], "agents": self.some(agents), "programs": self.some(programs),
                  "all": self.some(agents + programs) + self.some([driver.pid])}[self.plan]
        self.random.shuffle(chosen)
        for pid in chosen:
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                pass

    def some(self, pids):
        return [pid for pid in pids if self.random.random() < 0.6]

    def one_round(self, number, words, interfere):
        env = dict(self.env)
        if interfere and self.faulty:
            env["BATON_TEST_FAULTS"] = f"seed={self.seed * 1000 + number},kill=0.01,lost=0.02"
        with open(self.dir / f"round-{number}.log", "w+", encoding="utf-8") as log:
            driver = subprocess.Popen([self.binary, *words], env=env, stdout=log, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, start_new_session=True)
            kills = self.random.randint(1, 4) if interfere else 0
            for _ in range(kills):
                until = time.monotonic() + self.random.uniform(0.01, 0.25)
                while time.monotonic() < until and driver.poll() is None:
                    time.sleep(0.002)
                self.kill_something(driver)
            try:
                status = driver.wait(timeout=60)
            except subprocess.TimeoutExpired as late:
                driver.kill()
                log.seek(0)
                raise Failure(f"round {number} hangs: {log.read()[-2000:]}") from late
            log.seek(0)
            self.say(f"round {number} {' '.join(words)} → {status}\n{log.read()}")
        return status

    def run(self):
        self.prepare()
        interfered = self.random.randint(2, 4)
        for number in range(MAX_ROUNDS):
            known = self.sweeps()
            words = ["sweep", "resume", known[0]] if known else ["sweep", str(self.dir)]
            self.one_round(number, words, number < interfered)
            known = self.sweeps()
            if known and json.loads(self.baton("sweep", "show", known[0], "--json").stdout)["state"] == "complete":
                return self.verify(known)
        raise Failure("the sweep never finished")

    def verify(self, known):
        if len(known) != 1:
            raise Failure(f"there are {len(known)} sweeps")
        trials = json.loads(self.baton("sweep", "results", known[0], "--json").stdout)
        if [t["trial"] for t in trials] != list(range(1, TRIALS + 1)):
            raise Failure(f"the trials are {[t['trial'] for t in trials]}")
        if len({t["job"] for t in trials}) != TRIALS or len({t["params"]["x"] for t in trials}) != TRIALS:
            raise Failure("two trials share a job or their parameters")
        states = {"value"} | ({"paused"} if self.method == "asha" else set()) | ({"pruned"} if self.early else set())
        for trial in trials:
            value = trial["last_report"]["value"] if trial["state"] == "paused" else trial["value"]
            if trial["state"] not in states or value != trial["params"]["x"]:
                raise Failure(f"trial {trial['trial']} is {trial['state']} with {value}: {trial['reason']}")
            # One that was judged before its agent was killed starts anew only to be stopped, and reports nothing any more.
            state = json.loads(self.baton("show", trial["job"], "--json").stdout)["state"]
            lines = self.baton("metrics", trial["job"], "--json").stdout.splitlines()
            if not lines and state == "succeeded":
                raise Failure(f"trial {trial['trial']} has no metrics")
            if "another copy" in self.baton("logs", trial["job"]).stdout:
                raise Failure(f"trial {trial['trial']} ran twice at once")
        jobs = json.loads(self.baton("ps", "--all", "--json").stdout)
        if sorted(j["id"] for j in jobs) != sorted(t["job"] for t in trials):
            raise Failure("there are jobs that no trial has")
        if any(j["state"] != "succeeded" and not (self.looks_at_reports() and j["state"] == "stopped") for j in jobs):
            raise Failure(f"jobs are {[j['state'] for j in jobs]}")
        self.verify_optimiser(known[0], trials)
        check = self.baton("store", "check", "--json", check=False)
        findings = [f for f in json.loads(check.stdout).get("findings", []) if not f.get("harmless")]
        if findings or check.returncode != 0:
            raise Failure(f"store check: {check.stdout}{check.stderr}")


    def verify_optimiser(self, sweep, trials):
        """What it has learnt, after all the replays, is what is recorded."""
        file = self.dir / "home" / "store" / "sweeps" / sweep / "tuner.json"
        if not file.exists():  # in a bucket
            return
        saved = json.loads(file.read_text())["tuner"]
        if saved["afresh"]:
            raise Failure("the optimiser could not be replayed")
        known = saved["tuner"]["tuner"]["trials"] if self.early else saved["tuner"]["trials"]
        learnt = [(t["state"], t.get("cost")) for t in known]
        recorded = [("paused", None) if t["state"] == "paused" else ("done", t["value"]) for t in trials]
        if learnt != recorded:
            raise Failure(f"the optimiser knows {learnt}, recorded is {recorded}")


def everything_of(directory, driver):
    """The driver's processes, and agents that outlived an earlier driver."""
    agents = [int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*")
              if " --store " in (command := command_of(int(p.name))) and f"/{directory.name}" in command]
    found = set(descendants(driver))
    for agent in agents:
        found |= {agent, *descendants(agent)}
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, SweepTrial, "0-99"))
