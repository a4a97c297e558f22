"""Jobs from the command line: run, submit, look, stop, resume, remove."""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

INTERRUPTED = 75

# Counts up to $1, one commit a step; goes on from its checkpoint.
COUNT = """
n=$(cat $BATON_CHECKPOINT_DIR/n 2>/dev/null || echo 0)
echo "from $n"
while [ $n -lt "${BATON_PARAM_TO:-1000000}" ]; do
  n=$((n+1))
  echo $n > $BATON_CHECKPOINT_DIR/n
  echo $n >> $BATON_RESULTS_DIR/log
  echo "{\\"step\\": $n, \\"loss\\": 0.$n}" >> $BATON_METRICS_FILE
  baton commit --quiet || exit 9
  echo "at $n"
done
"""


def members(value):
    """The names in a JSON object, nested ones as a.b; lists by their first element."""
    if isinstance(value, list):
        return members(value[0]) if value else set()
    if not isinstance(value, dict):
        return set()
    return {name for key, inner in value.items() for name in {key} | {f"{key}.{n}" for n in members(inner)}}


# --- run ----------------------------------------------------------------------------------------------------------


def test_run_takes_a_file_a_directory_or_this_directory(cli):
    spec = cli.spec("echo hello", where="here")
    for words in ([str(spec)], [str(spec.parent)], ["here"]):
        assert cli("run", *words).stdout == "hello\n"
    assert cli("run", cwd=spec.parent).stdout == "hello\n"
    assert "there is no baton.yaml in this directory" in cli("run", check=2).stderr
    assert "there is no spec nowhere.yaml" in cli("run", "nowhere.yaml", check=2).stderr


def test_exit_status_and_streams_are_the_programs(cli):
    cli.spec("echo out; echo err >&2; exit 7")
    done = cli("run", "--quiet", check=7)
    assert done.stdout == "out\n" and done.stderr.startswith("err\n")
    assert cli.show()["state"] == "failed" and cli.show()["exit_code"] == 7


def test_a_program_that_a_signal_ends_gives_the_shells_status(cli):
    cli.spec("kill -SEGV $$")
    cli("run", check=128 + signal.SIGSEGV)


def test_binary_output_is_untouched(cli):
    cli.spec(r"printf '\000\377\033[1m\r\n'")
    done = subprocess.run([cli.binary, "run"], env=cli.env, cwd=cli.dir, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert done.stdout == b"\0\xff\x1b[1m\r\n"
    logs = subprocess.run([cli.binary, "logs", "latest"], env=cli.env, cwd=cli.dir, capture_output=True, check=True)
    assert logs.stdout == done.stdout


def test_set_overrides_and_name_names(cli):
    cli.spec("echo $BATON_PARAM_LR $EXTRA", extra="params: {lr: 0.1}\nenv: {EXTRA: a}")
    assert cli("run", "--set", "params.lr=0.25", "--set", "env.EXTRA=b", "--name", "other").stdout == "0.25 b\n"
    shown = cli.show("other")
    assert shown["name"] == "other" and shown["spec"]["params"]["lr"] == 0.25


def test_store_option_and_variable(cli):
    cli.spec()
    cli("run", "--store", cli.dir / "elsewhere")
    assert (cli.dir / "elsewhere" / "baton.json").exists() and not (cli.dir / "home" / "store").exists()
    assert cli.json("ps") == []
    assert len(cli.json("ps", "--store", cli.dir / "elsewhere")) == 1
    env = dict(cli.env, BATON_STORE=str(cli.dir / "elsewhere"))
    assert len(json.loads(cli("ps", "--json", env=env).stdout)) == 1


def test_closed_output_does_not_end_the_job(cli):
    cli.spec("for i in $(seq 200); do echo line $i; done; echo x > $BATON_RESULTS_DIR/done")
    run = cli.start("run")
    run.stdout.close()
    assert run.wait(60) == 0
    assert cli.show()["state"] == "succeeded"


def test_ctrl_c_commits_and_resume_goes_on(cli):
    cli.spec(COUNT)
    run = cli.start("run")
    cli.wait_for_output("at 3")
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    job = cli.show()["id"]
    assert run.returncode == INTERRUPTED
    assert f"`baton resume {job}`" in said
    done = cli.start("resume", job)
    cli.wait(lambda: len(cli.show(job)["attempts"]) == 2 and cli.show(job)["attempts"][1]["commits"] > 0, "a commit")
    cli("stop", job)
    assert done.wait(60) == INTERRUPTED
    starts = re.findall(r"^from (\d+)$", cli("logs", job).stdout, re.MULTILINE)
    assert starts[0] == "0" and int(starts[1]) >= 3


def test_provenance_is_recorded(cli):
    cli.spec()
    shown = cli("run") and cli.show()
    assert shown["provenance"]["baton"] and "@" in shown["submitter"] and "git" not in shown["provenance"]
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=cli.dir / "code", check=True)
    cli("run")
    clean = cli.show()["provenance"]["git"]
    (cli.dir / "code" / "new.txt").write_text("x")
    cli("run")
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    assert cli.show()["provenance"]["git"] == {"commit": clean["commit"], "dirty": True}


def test_data_results_and_home_are_no_code(cli):
    for name in ("data", "results", "home"):
        (cli.dir / name).mkdir(exist_ok=True)
        (cli.dir / name / "file").write_text("x")
    (cli.dir / "baton.yaml").write_text("image: host\ncode: .\ncommand: [sh, -c, 'ls; cat /data/file']\ndata: {/data: ./data}\n")
    assert cli("run").stdout == "baton.yaml\nx"


def test_secrets_reach_the_program_and_nothing_else(cli):
    cli.spec('echo "${#TOKEN_OF_MINE}"', extra="secrets: [TOKEN_OF_MINE]")
    env = dict(cli.env, TOKEN_OF_MINE="hunter2hunter2")
    assert cli("run", env=env).stdout == "14\n"
    stored = subprocess.run(["grep", "-r", "hunter2", cli.dir / "home"], capture_output=True, check=False)
    assert stored.returncode == 1
    assert "hunter2" not in cli("show", "latest", "--json").stdout
    cli("submit", "--follow", env=env)
    assert "14\n" in cli("logs", "latest").stdout


# --- submit -------------------------------------------------------------------------------------------------------


def test_submit_prints_the_id_alone(cli):
    cli.spec("echo hello")
    job = cli("submit").stdout.strip()
    cli.wait_for_state("succeeded", job)
    assert cli("logs", job).stdout == "hello\n"


def test_submit_and_follow_ends_as_the_program_does(cli):
    cli.spec("echo one; sleep 0.3; echo two; exit 3")
    done = cli("submit", "--follow", check=3)
    assert done.stdout == "one\ntwo\n"


def test_submit_survives_its_terminal(cli):
    cli.spec("until [ -e /data/go ]; do sleep 0.05; done; echo survived", extra="data: {/data: ./data}")
    (cli.dir / "data").mkdir()
    shell = subprocess.Popen(["sh", "-c", f"{cli.binary} submit; sleep 1000"], env=cli.env, cwd=cli.dir, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    job = shell.stdout.readline().strip()
    cli.wait_for_state("running", job)
    os.killpg(shell.pid, signal.SIGHUP)
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    shell.stdout.close()
    (cli.dir / "data" / "go").touch()
    cli.wait_for_state("succeeded", job)
    assert "survived" in cli("logs", job).stdout


def test_following_can_be_left(cli):
    cli.spec("until [ -e /data/go ]; do sleep 0.05; done", extra="data: {/data: ./data}")
    (cli.dir / "data").mkdir()
    follower = cli.start("submit", "--follow")
    cli.wait(lambda: cli.json("ps") and cli.json("ps")[0]["state"] == "running", "the job to run")
    follower.send_signal(signal.SIGINT)
    follower.wait(60)
    assert cli.show()["state"] == "running"
    (cli.dir / "data" / "go").touch()
    cli.wait_for_state("succeeded")


# --- looking ------------------------------------------------------------------------------------------------------


def test_json_schemas(cli):
    cli.spec(COUNT, extra="params: {to: 3}")
    cli("run")
    shown = cli.show()
    assert members(shown) >= {
        "id", "name", "state", "abandoned", "outcome", "reason", "exit_code", "exit_signal", "created_at", "changed_at",
        "ran_ms", "preemptions", "failures", "stop_requested", "preempt_requested", "attempts.attempt", "attempts.host",
        "attempts.pid", "attempts.claimed_at", "attempts.started_at", "attempts.ended_at", "attempts.outcome",
        "attempts.exit_code", "attempts.ran_ms", "attempts.commits", "attempts.peak_memory", "commits.commit",
        "commits.attempt", "commits.bytes", "commits.new_bytes", "commits.took_ms", "spec.name", "spec.params.to",
        "argv", "image.form", "code_tree", "spec_file", "submitter", "provenance.baton", "notice_file", "agent_log"}
    assert members(cli.json("ps")) == {"id", "name", "state", "abandoned", "problem", "attempts", "ran_ms", "created_at"}
    assert members(cli.json("store", "check")) == {"damaged", "findings"}
    assert members(cli.json("store", "gc")) == {"objects", "bytes", "jobs", "tidied", "attempts", "skipped"}
    assert members(cli.json("results", "latest")) == {"id", "directory", "fetched"}
    assert members(json.loads(cli("results", "latest", "--list", "--json").stdout)) == {
        "id", "commit", "files", "files.path", "files.kind", "files.size"}


def test_ps_shows_the_newest_twenty_and_all(cli):
    spec = cli.spec("true")
    for number in range(22):
        cli("run", spec, "--name", f"job-{number}")
    jobs = cli.json("ps")
    # Ids sort by age, to the second.
    assert [job["id"] for job in jobs] == sorted((job["id"] for job in jobs), reverse=True)
    assert len(jobs) == 20
    assert len(cli.json("ps", "--all")) == 22
    assert len(cli("ps", "-a", "--ids").stdout.split()) == 22
    assert len(cli("ps", "-a").stdout.strip().split("\n")) == 23


def test_jobs_are_found_by_id_prefix_name_and_latest(cli):
    spec = cli.spec("true")
    cli("run", spec, "--name", "first")
    first = cli.json("ps")[0]["id"]
    for word in (first, first[:-2], first.split("-")[-1], "first", "latest"):
        assert cli.show(word)["id"] == first


def test_logs_of_one_attempt_and_as_json(cli):
    cli.spec('echo "attempt $BATON_ATTEMPT"; [ $BATON_ATTEMPT = 2 ]', extra="retries: 1")
    cli("run")
    assert cli("logs", "latest").stdout == "attempt 1\nattempt 2\n"
    assert cli("logs", "latest", "--attempt", "2").stdout == "attempt 2\n"
    lines = [json.loads(line) for line in cli("logs", "latest", "--json").stdout.splitlines()]
    assert lines == [{"attempt": 1, "output": "attempt 1\n"}, {"attempt": 2, "output": "attempt 2\n"}]
    assert "there is no attempt 3" in cli("logs", "latest", "--attempt", "3", check=1).stderr
    assert "--attempt needs a number" in cli("logs", "latest", "--attempt", "two", check=2).stderr


def test_logs_follow_a_running_job_to_its_end(cli):
    cli.spec("echo one; until [ -e /data/go ]; do sleep 0.05; done; echo two", extra="data: {/data: ./data}")
    (cli.dir / "data").mkdir()
    job = cli("submit").stdout.strip()
    follower = cli.start("logs", "-f", job)
    assert follower.stdout.readline() == "one\n"
    (cli.dir / "data" / "go").touch()
    assert follower.communicate(timeout=60)[0] == "two\n"


def test_output_that_is_lost_is_told(cli):
    cli.spec("echo one; echo two")
    with open("/dev/full", "w") as full:
        for words in (["run"], ["ps", "--json"], ["show", "latest"], ["logs", "latest"], ["--version"], ["completion", "bash"]):
            done = subprocess.run([cli.binary, *words], env=cli.env, cwd=cli.dir, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode == 1 and "cannot write all of the output: No space left on device" in done.stderr, words
    assert cli.show()["state"] == "succeeded", "the job itself does not suffer"
    assert cli("logs", "latest").stdout == "one\ntwo\n"


def test_a_stream_that_does_not_block_loses_nothing(cli):
    cli.spec("seq 200000")
    end, stdout = os.pipe()
    os.set_blocking(stdout, False)
    run = cli.start("run", stdout=stdout)
    os.close(stdout)
    time.sleep(0.5)  # the pipe is full by then
    with open(end) as output:
        assert output.read() == "".join(f"{n}\n" for n in range(1, 200001))
    assert run.wait(60) == 0


def test_closed_streams_are_as_dev_null(cli):
    cli.spec("echo one")
    for words in ("run", "show latest", "ps --json"):
        done = subprocess.run(["sh", "-c", f'exec "$0" {words} <&- >&- 2>&-', cli.binary], env=cli.env, cwd=cli.dir, check=False)
        assert done.returncode == 0, words
    assert cli.show()["state"] == "succeeded" and cli("logs", "latest").stdout == "one\n"
    cli("store", "check")


# --- stopping, preempting, resuming, removing ---------------------------------------------------------------------


def test_stop_waits_for_the_last_commit(cli):
    cli.spec(COUNT)
    job = cli("submit").stdout.strip()
    cli.wait_for_output("at 2")
    cli("stop", job)
    shown = cli.show(job)
    assert shown["state"] == "stopped" and shown["attempts"][-1]["outcome"] == "stopped"
    assert "has ended already: stopped" in cli("stop", job, check=1).stderr


def test_stop_of_a_pending_job_needs_nobody(cli):
    cli.spec("kill -9 $PPID; sleep 100")
    run = cli.start("run")
    cli.wait(lambda: cli.json("ps") and cli.json("ps")[0]["state"] == "running", "the job to run")
    run.send_signal(signal.SIGTERM)
    run.wait(60)
    if cli.show()["state"] == "pending":
        cli("stop", "latest")
    assert cli.show()["state"] in ("stopped", "failed")


def test_a_killed_agent_is_seen_at_once_and_resume_takes_over(cli):
    cli.spec(COUNT)
    run = cli.start("run")
    cli.wait_for_output("at 3")
    run.kill()
    run.wait()
    job = cli.json("ps")[0]
    assert job["state"] == "running" and job["abandoned"]
    assert "its agent is gone" in cli("ps").stdout and "baton resume" in cli("show", "latest").stdout
    assert cli.show()["notice_file"] == ""
    resumed = cli.start("resume", "latest", "--verbose")
    cli.wait(lambda: len(cli.show()["attempts"]) == 2 and cli.show()["attempts"][1]["commits"] > 0, "a commit")
    cli("stop", "latest")
    resumed.communicate(timeout=60)
    shown = cli.show()
    assert shown["attempts"][0]["outcome"] == "lost" and resumed.returncode == INTERRUPTED
    starts = re.findall(r"^from (\d+)$", cli("logs", "latest").stdout, re.MULTILINE)
    assert int(starts[1]) >= 3
    log = subprocess.run([cli.binary, "results", "latest", "--to", "out"], env=cli.env, cwd=cli.dir, check=True, capture_output=True)
    numbers = (cli.dir / "out" / "log").read_text().split()
    assert log and numbers == [str(n) for n in range(1, len(numbers) + 1)]
    rows = [json.loads(line)["step"] for line in cli("metrics", "latest", "--json").stdout.splitlines()]
    assert rows == list(range(1, len(rows) + 1))
    assert cli.json("store", "check")["damaged"] == 0


def test_stop_of_an_abandoned_job(cli):
    cli.spec(COUNT)
    run = cli.start("run")
    cli.wait_for_output("at 1")
    run.kill()
    run.wait()
    cli("stop", "latest")
    assert cli.show()["state"] == "stopped"


def test_preempt_makes_a_next_attempt_follow(cli):
    cli.spec(COUNT, extra="params: {to: 400}")
    run = cli.start("run")
    cli.wait_for_output("at 2")
    cli("preempt", "latest")
    assert run.wait(120) == 0
    shown = cli.show()
    assert [a["outcome"] for a in shown["attempts"]] == ["preempted", "succeeded"]
    assert shown["attempts"][0]["notice"]["source"]
    assert "has ended already" in cli("preempt", "latest", check=1).stderr


def test_resume_of_a_failed_job_and_of_one_that_has_succeeded(cli):
    cli.spec("[ -e /data/go ]", extra="data: {/data: ./data}")
    (cli.dir / "data").mkdir()
    cli("run", check=1)
    (cli.dir / "data" / "go").touch()
    cli("resume", "latest")
    assert cli.show()["state"] == "succeeded"
    assert "has succeeded" in cli("resume", "latest", check=1).stderr


def test_resume_goes_on_with_the_code_as_it_was_though_its_directory_is_gone(cli):
    (cli.dir / "data").mkdir()
    cli.spec('[ $BATON_ATTEMPT = 1 ] && exit 3; echo again', extra="data: {/data: ./data}")
    cli("run", check=3)
    shutil.rmtree(cli.dir / "code")
    assert cli("resume", "latest").stdout == "again\n"
    cli.spec('[ $BATON_ATTEMPT = 1 ] && exit 3; echo again', extra="data: {/data: ./data}")
    cli("run", check=3)
    shutil.rmtree(cli.dir / "data")
    assert "data /data" in cli("resume", "latest", check=1).stderr, "that is not in the store"


def test_resume_in_the_background(cli):
    cli.spec("[ -e /data/go ]", extra="data: {/data: ./data}")
    (cli.dir / "data").mkdir()
    cli("run", check=1)
    (cli.dir / "data" / "go").touch()
    job = cli("resume", "latest", "--detach").stdout.strip()
    cli.wait_for_state("succeeded", job)


def test_two_agents_on_one_job(cli):
    cli.spec(COUNT)
    run = cli.start("run")
    cli.wait_for_output("at 1")
    job = cli.show()["id"]
    done = cli("agent", job, check=1)
    assert job in done.stderr
    assert len(cli.show()["attempts"]) == 1
    run.send_signal(signal.SIGINT)
    run.wait(60)


def test_rm_is_refused_while_it_runs_and_takes_everything_else(cli):
    cli.spec(COUNT)
    job = cli("submit").stdout.strip()
    cli.wait_for_output("at 1")
    assert job in cli("rm", job, check=1).stderr
    assert cli.show(job)["state"] == "running"
    cli("stop", job)
    (cli.dir / "results").mkdir(exist_ok=True)
    (cli.dir / "results" / "mine").write_text("x")
    cli("rm", job)
    assert cli.json("ps", "--all") == []
    assert not (cli.dir / "home" / "store" / "jobs" / job).exists()
    assert (cli.dir / "results" / "mine").exists()
    assert "there is no job" in cli("rm", job, check=1).stderr


def test_store_gc_beside_a_running_job(cli):
    cli.spec(COUNT)
    run = cli.start("run")
    for number in (2, 5, 8):
        cli.wait_for_output(f"at {number}")
        cli("store", "gc")
    run.send_signal(signal.SIGINT)
    run.wait(60)
    assert cli.json("store", "check") == {"damaged": 0, "findings": []}


def test_a_damaged_store_is_reported(cli):
    cli.spec("head -c 100000 /dev/urandom > $BATON_CHECKPOINT_DIR/x")
    cli("run")
    blobs = [p for p in (cli.dir / "home" / "store" / "jobs").rglob("blobs/*/*/*") if p.is_file()]
    blob = max(blobs, key=lambda p: p.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(data)
    done = cli("store", "check", check=1)
    assert blob.name in done.stdout and "1 damaged" in done.stdout
    cli("store", "check", "--shallow")


def test_image_ls_and_rm_of_nothing(cli):
    assert cli.json("image", "ls") == []
    assert "abcdef" in cli("image", "rm", "abcdef", check=1).stderr


def test_the_submitter_has_a_name_even_where_no_variable_says_it(cli):
    for name in ("USER", "LOGNAME"):
        cli.env.pop(name, None)
    cli.spec("true")
    cli("run")
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert cli.show()["submitter"].startswith(f"{user}@")
    assert f"{user}@" in cli("show", "latest").stdout


def test_what_baton_has_not_written_into_the_store_is_none_of_gcs_leftovers(cli):
    cli("run", cli.spec())
    (cli.dir / "home" / "store" / "notes.txt").write_text("mine")
    assert cli("store", "check").stdout.endswith("nothing is damaged, 1 unknown object that baton leaves alone\n")
    cli("store", "gc")
    assert (cli.dir / "home" / "store" / "notes.txt").exists()


def test_a_directory_that_is_no_store(cli):
    (cli.dir / "thesis").mkdir()
    (cli.dir / "thesis" / "chapter").write_text("1")
    said = cli("store", "check", cli.dir / "thesis", check=1).stderr
    assert "holds chapter" in said and "baton store check" not in said
