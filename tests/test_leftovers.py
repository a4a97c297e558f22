"""What an agent leaves on a machine when it dies, and who clears it up; and that a reboot counts as such a death."""
import json
import os
import signal
import uuid
from pathlib import Path

import pytest

LONG = "echo started; while :; do sleep 0.1; done"


def groups_of(job):
    """Control groups of the job's containers, in every hierarchy that is mounted."""
    return [path for path, _, _ in os.walk("/sys/fs/cgroup") if f"baton-{job}-" in path]


def kept_for(cli):
    return os.listdir(cli.dir / "home" / "run")


@pytest.fixture
def dead(cli):
    """A job whose agent was killed in the middle."""
    agent = cli.start("run", cli.spec(LONG))
    cli.wait_for_output("started")
    job = cli.show()["id"]
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    assert kept_for(cli), "there is something to clear up"
    if os.geteuid() == 0:
        assert groups_of(job)
    return job


def assert_clean(cli, job):
    assert groups_of(job) == []
    assert kept_for(cli) == []


def test_the_next_job_on_this_machine_clears_up_after_a_dead_agent(cli, dead):
    cli("run", cli.spec("true", name="another", where="another"))
    assert_clean(cli, dead)


@pytest.mark.parametrize("words", [["store", "gc"], ["rm", "latest"]])
def test_so_do_gc_and_rm(cli, dead, words):
    if words[0] == "rm":
        cli("stop", "latest")
    cli(*words)
    assert_clean(cli, dead)


def test_what_a_living_agent_uses_stays(cli):
    agent = cli.start("run", cli.spec(LONG))
    cli.wait_for_output("started")
    before = sorted(kept_for(cli))
    cli("run", cli.spec("true", name="another", where="another"))
    cli("store", "gc")
    assert sorted(kept_for(cli)) == before
    job = [one["id"] for one in cli.json("ps") if one["state"] == "running"][0]
    cli("stop", job)
    agent.wait(timeout=60)
    assert_clean(cli, job)


@pytest.mark.skipif(not Path("/etc/machine-id").exists(), reason="impossible here: this machine has no machine-id")
def test_after_a_reboot_a_job_is_taken_over_at_once(cli):
    program = ('[ -e "$BATON_CHECKPOINT_DIR/half" ] && { echo going on; exit 0; }\n'
               'echo half > "$BATON_CHECKPOINT_DIR/half"; baton commit; echo committed\n' + LONG)
    agent = cli.start("run", cli.spec(program))
    cli.wait_for_output("committed")
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    job = cli.show()["id"]
    claimed = cli.dir / "home/store/jobs" / job / "events/00000002.json"
    event = json.loads(claimed.read_text())
    assert event["type"] == "claimed" and event["machine"]
    event["boot"] = f"{uuid.uuid4()}/{event['boot'].split('/')[1]}"  # as it would stand there after a reboot
    claimed.write_text(json.dumps(event))
    assert "its agent is gone" in cli("show", "latest").stdout
    resumed = cli("resume", "latest")
    assert "going on" in resumed.stdout
    assert "may still be alive" not in resumed.stderr and "has not ended" not in resumed.stderr
    assert_clean(cli, job)
