"""What happens around a notice, with the real binary: signals, metadata, grace, and the commit at the end."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from metadata import Aws

RESUMABLE = 75

COUNTER = r"""
n=0; [ -f "$BATON_CHECKPOINT_DIR/n" ] && n=$(cat "$BATON_CHECKPOINT_DIR/n")
%(trap)s
while [ "$n" -lt "${BATON_PARAM_TO:-40}" ]; do
  n=$((n + 1)); echo "$n" >> "$BATON_RESULTS_DIR/log"
  echo "$n" > "$BATON_CHECKPOINT_DIR/n.new"; mv "$BATON_CHECKPOINT_DIR/n.new" "$BATON_CHECKPOINT_DIR/n"
  %(commit)s
  echo "at $n"
  sleep 0.05
  %(stop)s
done
"""
POLITE = dict(trap="trap '' TERM", commit="baton commit >/dev/null", stop='[ ! -e "$BATON_PREEMPT_FILE" ] || exit 0')
RUDE = dict(trap="trap '' TERM", commit="baton commit >/dev/null", stop="")
UNAWARE = dict(trap="", commit="", stop="")


class Job:
    """One job of a shell program in the machine's own root, driven by the real binary."""

    def __init__(self, binary, directory, env):
        self.binary, self.dir, self.env = str(binary), pathlib.Path(directory), dict(os.environ, **env)
        self.env.update(BATON_HOME=str(self.dir / "home"), BATON_STORE=str(self.dir / "store"))
        self.agent = None

    def write(self, program, extra=""):
        (self.dir / "code").mkdir(exist_ok=True)
        (self.dir / "code" / "run.sh").write_text(program)
        (self.dir / "baton.yaml").write_text(
            f"name: counter\nimage: host\ncode: ./code\ncommand: [sh, run.sh]\nresults: ./results\n{extra}\n")

    def baton(self, *words, check=True):
        done = subprocess.run([self.binary, *words], env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *words):
        self.log = open(self.dir / f"log-{time.monotonic_ns()}", "w+")
        self.agent = subprocess.Popen([self.binary, *(words or ("run", str(self.dir))), "-v"], env=self.env,
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                      start_new_session=True)
        return self

    def said(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def wait_for(self, text):
        deadline = time.monotonic() + 60
        while text not in self.said():
            assert self.agent.poll() is None and time.monotonic() < deadline, f"no {text!r} in: {self.said()}"
            time.sleep(0.01)

    def end(self):
        return self.agent.wait(timeout=90)

    def show(self):
        return json.loads(self.baton("show", "latest", "--json").stdout)

    def outcomes(self):
        return [attempt.get("outcome") for attempt in self.show()["attempts"]]

    def lines(self):
        return (self.dir / "results" / "latest" / "log").read_text().split()


@pytest.fixture
def job(baton_bin, tmp_path):
    made = []

    def make(program, extra="", **env):
        job = Job(baton_bin, tmp_path, env)
        job.write(program, extra)
        made.append(job)
        return job

    yield make
    for job in made:
        if job.agent and job.agent.poll() is None:
            job.agent.kill()
            job.agent.wait()


def every_line_once(job, to=40):
    assert job.lines() == [str(n) for n in range(1, to + 1)]
    assert job.baton("store", "check").returncode == 0


def test_aws_notice_commits_and_another_machine_goes_on(job):
    with Aws() as aws:
        j = job(COUNTER % POLITE, "params: {to: 150}", BATON_AWS_METADATA=aws.url).start()
        j.wait_for("at 3")
        aws.interrupt(seconds=120)
        assert j.end() == RESUMABLE, j.said()
        assert "notice from aws" in j.said() and "baton resume" in j.said()
    assert j.outcomes() == ["preempted"] and j.show()["state"] == "pending"
    assert j.start("resume", "latest").end() == 0, j.said()
    assert j.outcomes() == ["preempted", "succeeded"]
    every_line_once(j, to=150)


def test_notice_already_present_at_start(job):
    with Aws() as aws:
        aws.interrupt(seconds=60)
        j = job(COUNTER % POLITE, BATON_AWS_METADATA=aws.url).start()
        assert j.end() == RESUMABLE, j.said()
    assert j.start("resume", "latest").end() == 0
    every_line_once(j)


def test_notice_while_a_commit_runs(job):
    # The commit of 200 MB takes long enough for the notice to come in the middle of it.
    program = ('if [ -f "$BATON_CHECKPOINT_DIR/done" ]; then echo resumed; exit 0; fi\n'
               'head -c 200000000 /dev/urandom > "$BATON_CHECKPOINT_DIR/big"; echo 1 > "$BATON_CHECKPOINT_DIR/done"\n'
               'echo committing; baton commit && echo committed; trap "" TERM; while [ ! -e "$BATON_PREEMPT_FILE" ]; do sleep 0.05; done')
    with Aws() as aws:
        j = job(program, BATON_AWS_METADATA=aws.url).start()
        j.wait_for("committing")
        aws.interrupt(seconds=120)
        assert j.end() == RESUMABLE, j.said()
        assert "committed" in j.said()
    assert j.start("resume", "latest").end() == 0
    assert "resumed" in j.said()


def test_metadata_service_out_of_order_never_hurts_the_job(job):
    with Aws() as aws:
        aws.broken = True
        j = job(COUNTER % POLITE, "params: {to: 20}", BATON_AWS_METADATA=aws.url).start()
        assert j.end() == 0, j.said()
        assert aws.requests > 0
    every_line_once(j, to=20)


def test_finishing_during_grace_is_preempted_and_finishes_at_once_when_resumed(job):
    stops = dict(POLITE, stop="")
    with Aws() as aws:
        j = job(COUNTER % stops, "params: {to: 150}", BATON_AWS_METADATA=aws.url).start()
        j.wait_for("at 2")
        aws.interrupt(seconds=120)
        assert j.end() == RESUMABLE, j.said()
    assert j.outcomes() == ["preempted"]
    assert j.start("resume", "latest").end() == 0
    assert "at " not in j.said()  # nothing was left to count
    every_line_once(j, to=150)


def test_sigterm_without_a_notice_preempts(job):
    j = job(COUNTER % POLITE).start()
    j.wait_for("at 3")
    j.agent.send_signal(signal.SIGTERM)
    assert j.end() == RESUMABLE, j.said()
    assert j.outcomes() == ["preempted"]
    assert j.start("resume", "latest").end() == 0
    every_line_once(j)


@pytest.mark.parametrize("order", ["signal first", "notice first"])
def test_sigterm_before_and_after_a_notice_count_as_one(job, order):
    slow_exit = dict(POLITE, stop='[ ! -e "$BATON_PREEMPT_FILE" ] || { sleep 7; exit 0; }')
    with Aws() as aws:
        j = job(COUNTER % slow_exit, "params: {to: 1000}", BATON_AWS_METADATA=aws.url).start()
        j.wait_for("at 3")
        if order == "signal first":
            j.agent.send_signal(signal.SIGTERM)
            j.wait_for("notice from signal")
            aws.interrupt(seconds=60)
        else:
            aws.interrupt(seconds=60)
            j.wait_for("notice from aws")
            j.agent.send_signal(signal.SIGTERM)
        assert j.end() == RESUMABLE, j.said()
        assert j.said().count("notice from") == 1
    assert j.outcomes() == ["preempted"]


def test_a_program_that_ignores_everything_is_killed_and_loses_only_what_it_did_not_commit(job):
    j = job(COUNTER % RUDE, "params: {to: 100000}\npreemption: {grace: 2s}").start()
    j.wait_for("at 5")
    j.agent.send_signal(signal.SIGTERM)
    assert j.end() == RESUMABLE, j.said()
    assert "killing the program" in j.said()
    j.env["BATON_TEST"] = "1"
    j.start("resume", "latest").wait_for("restored commit")
    j.agent.send_signal(signal.SIGINT)
    j.agent.send_signal(signal.SIGINT)
    j.end()


def test_a_program_that_knows_nothing_of_baton_goes_on_from_its_last_quiet_commit(job):
    program = COUNTER % dict(UNAWARE, stop="[ $((n % 10)) -ne 0 ] || sleep 1.5")
    j = job(program, "checkpoint: {every: 1s}").start()
    j.wait_for("commit 1")
    j.wait_for("at 13")
    j.agent.kill()
    j.agent.wait()
    assert j.start("resume", "latest").end() == 0, j.said()
    assert "restored commit" in j.said()
    every_line_once(j)


def test_ctrl_c_commits_and_stops_and_resume_goes_on(job):
    polite = dict(POLITE, trap="trap 'exit 0' TERM")
    j = job(COUNTER % polite).start()
    j.wait_for("at 3")
    j.agent.send_signal(signal.SIGINT)
    assert j.end() == RESUMABLE, j.said()
    assert j.show()["state"] == "stopped"
    assert j.start("resume", "latest").end() == 0
    every_line_once(j)


def test_ctrl_c_twice_kills(job):
    j = job(COUNTER % RUDE, "params: {to: 100000}\npreemption: {grace: 1h}").start()
    j.wait_for("at 3")
    j.agent.send_signal(signal.SIGINT)
    j.wait_for("stopped by Ctrl-C")
    begin = time.monotonic()
    j.agent.send_signal(signal.SIGINT)
    assert j.end() == RESUMABLE
    assert time.monotonic() - begin < 30  # not the hour of grace


def test_a_terminal_that_closes_leaves_the_program_its_grace(job):
    """The shell sends its jobs a SIGHUP, and the kernel sends another one."""
    program = """
        trap 'sleep 1; echo saved > "$BATON_CHECKPOINT_DIR/state"; echo to the end; exit 0' TERM
        echo ready; while true; do sleep 0.05; done"""
    j = job(program).start()
    j.wait_for("ready")
    j.agent.send_signal(signal.SIGHUP)
    time.sleep(0.05)
    j.agent.send_signal(signal.SIGHUP)
    assert j.end() == RESUMABLE, j.said()
    assert "the terminal was closed" in j.said() and "to the end" in j.said() and "killing" not in j.said(), j.said()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_is_ignored_at_the_start_stays_ignored(job, number):
    """As nohup ignores SIGHUP, and a script the SIGINT of its background jobs; the program knows nothing of it."""
    j = job('grep -E "Sig(Blk|Ign)" /proc/self/status; while [ ! -e "$BATON_METRICS_FILE.go" ]; do sleep 0.05; done; echo done')
    before = signal.signal(number, signal.SIG_IGN)
    try:
        j.start()
    finally:
        signal.signal(number, before)
    j.wait_for("SigIgn")
    j.agent.send_signal(number)
    time.sleep(0.3)
    next((j.dir / "home" / "run").glob("*/metrics/")).joinpath("metrics.jsonl.go").touch()
    assert j.end() == 0, j.said()
    assert "done" in j.said() and "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000" in j.said(), j.said()


def test_each_answer_belongs_to_the_client_that_asked(job):
    program = r"""
exec /usr/bin/python3 - <<'END'
import os, socket, time
place = os.environ["BATON_CHECKPOINT_DIR"]
def ask():
    client = socket.socket(socket.AF_UNIX)
    client.connect(os.environ["BATON_SOCKET"])
    client.sendall(b'{"op":"commit"}\n')
    return client
with open(place + "/big", "wb") as file:
    file.write(os.urandom(120 << 20))
gone = [ask() for _ in range(4)]
time.sleep(0.03)
for client in gone:
    client.close()
time.sleep(0.03)  # their descriptors are free then
with open(place + "/small", "w") as file:
    file.write("later")
clients = [ask() for _ in range(8)]
time.sleep(2)
print("answers", *(client.recv(4096).count(b'"ok":true') for client in clients), flush=True)
END"""
    j = job(program).start()
    assert j.end() == 0, j.said()
    assert "answers 1 1 1 1 1 1 1 1\n" in j.said(), j.said()


def test_a_client_that_has_asked_all_still_gets_its_answer(job):
    program = r"""
exec /usr/bin/python3 - <<'END'
import os, socket
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ["BATON_SOCKET"])
client.sendall(b'{"op":"commit"}\n')
client.shutdown(socket.SHUT_WR)
print(client.makefile().read(), flush=True)
END"""
    j = job(program).start()
    assert j.end() == 0, j.said()
    assert '{"ok":true,"commit":"00000001-1"}' in j.said(), j.said()


def test_a_program_that_uses_up_all_processes_can_still_commit(baton_bin):
    """Its limit counts the agent's threads too."""
    if os.geteuid() != 0:
        pytest.skip("impossible here: only root may run baton as a user with no other process")
    program = r"""
exec /usr/bin/python3 - <<'END'
import os, signal, socket, time
open(os.environ["BATON_CHECKPOINT_DIR"] + "/state", "w").close()
children = []
try:
    while True:
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
except BlockingIOError:
    print("used up", flush=True)
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ["BATON_SOCKET"])
client.sendall(b'{"op":"commit"}\n')
print(client.recv(4096).decode(), flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
END"""
    user = 54321
    with tempfile.TemporaryDirectory(prefix="baton-user-") as place:
        shutil.copy(baton_bin, place + "/baton")
        j = Job(place + "/baton", place, {"HOME": place})
        j.write(program)
        for path in (place, *map(str, pathlib.Path(place).rglob("*"))):
            os.chown(path, user, user)
        done = subprocess.run(["prlimit", "--nproc=80", "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                               place + "/baton", "run", place], env=j.env, cwd=place, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "used up" in done.stdout and '"ok":true' in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_reader_who_does_not_read_makes_nobody_deaf(job, number):
    program = r"""
exec /usr/bin/python3 - <<'END'
import os, signal, sys
def leave(*_):
    with open(os.environ["BATON_CHECKPOINT_DIR"] + "/state", "w") as file:
        file.write("saved")
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
while True:
    os.write(1, b"x" * 4096)
END"""
    j = job(program)
    end, stdout = os.pipe()
    with open(end), open(stdout, "w") as unread, open(j.dir / "said", "w+") as said:
        j.agent = subprocess.Popen([j.binary, "run", str(j.dir), "-v"], env=j.env, stdin=subprocess.DEVNULL, stdout=unread,
                                   stderr=said, start_new_session=True)
        time.sleep(3)  # much more than the pipe holds has been printed by then
        j.agent.send_signal(number)
        begin = time.monotonic()
        assert j.agent.wait(timeout=25) == RESUMABLE
        assert time.monotonic() - begin < 20  # the grace is half a minute
    told = (j.dir / "said").read_text()
    assert "is interrupted" in told and "nobody has read it in time" in told and "killing" not in told, told
    assert j.show()["attempts"][0]["commits"] == 1


def test_a_reader_who_is_late_gets_everything(job):
    j = job("seq 100000; sleep 1; echo the end")
    end, stdout = os.pipe()
    j.agent = subprocess.Popen([j.binary, "run", str(j.dir)], env=j.env, stdin=subprocess.DEVNULL, stdout=stdout)
    os.close(stdout)
    with open(end) as output:
        time.sleep(4)  # the program has ended by then
        assert j.agent.poll() is None
        assert output.read() == "".join(f"{n}\n" for n in range(1, 100001)) + "the end\n"
    assert j.end() == 0


def test_preempt_and_notice_file_let_the_next_attempt_follow_here(job):
    j = job(COUNTER % POLITE, "params: {to: 60}").start()
    j.wait_for("at 3")
    j.baton("preempt", "latest")
    j.wait_for("attempt 2")
    j.wait_for("restored commit")
    pathlib.Path(j.show()["notice_file"]).touch()
    assert j.end() == 0, j.said()
    assert j.outcomes() == ["preempted", "preempted", "succeeded"]
    every_line_once(j, to=60)


def test_timeout_and_memory_are_reported_as_what_they_are(job):
    j = job("trap '' TERM; sleep 100 & wait; wait", "timeout: 1s\npreemption: {grace: 1s}").start()
    assert j.end() not in (0, RESUMABLE)
    assert j.outcomes() == ["timeout"] and "timeout of 1.0s" in j.said()
    hungry = "exec /usr/bin/python3 -c 'x = bytearray(300_000_000); print(len(x))'"
    j = job(hungry, "resources: {memory: 64M}").start()
    assert j.end() not in (0, RESUMABLE), j.said()
    assert j.outcomes() == ["oom"] and "64 MiB" in j.said()
