"""Sweeps whose store is elsewhere, whose machine vanishes, and whose records are damaged."""
import json
import os
import signal
import subprocess

import pytest

from fault_proxy import FaultProxy
from test_s3 import cloud, s3  # noqa: F401  (fixtures)
from sweep_specs import SQUARE, results, running, sweep_spec, trials_of

MACHINE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]  # process ids of its own: another machine's


@pytest.mark.slow  # two heartbeats of 30 s each must be seen to have stopped
@pytest.mark.skipif(os.geteuid() != 0, reason="impossible here: without root there is no machine to simulate")
def test_another_machine_goes_on_with_a_sweep_whose_machine_vanished(cli):
    (cli.dir / "gate").mkdir()
    program = "echo $BATON_TRIAL >> $BATON_CHECKPOINT_DIR/lives\nwhile [ ! -e /data/go ]; do sleep 0.05; done\n" + SQUARE
    spec = sweep_spec(cli, program, extra="data: {/data: ./gate}\n")
    store = str(cli.dir / "shared")
    there, here = (dict(cli.env, BATON_HOME=str(cli.dir / name), BATON_STORE=store) for name in ("there", "here"))
    cli.env = here
    machine = subprocess.Popen([*MACHINE, cli.binary, "sweep", spec, "--trials", "4"], env=there, cwd=cli.dir,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cli.started.append(machine)
    before = cli.wait(lambda: [t["job"] for t in trials_of(cli) if running(cli, t)][1:] and trials_of(cli), "two trials to run there")
    machine.send_signal(signal.SIGKILL)  # the driver, its agents and its programs end at once
    machine.wait()
    (cli.dir / "gate" / "go").touch()
    done = cli("sweep", "resume", "latest", "--trials", "5")
    assert "watching its heartbeat" in done.stderr
    trials = results(cli)
    assert [t["state"] for t in trials] == ["value"] * 5
    assert [t["job"] for t in trials[:2]] == [t["job"] for t in before], "the same trials, with the same parameters"
    assert [t["attempts"] for t in trials] == [2, 2, 1, 1, 1]
    assert json.loads(cli("store", "check", "--json").stdout)["damaged"] == 0


def test_a_sweep_with_its_store_in_a_bucket(cloud, s3):  # noqa: F811
    """And what it costs: requests for each trial, which must not grow with their number."""
    sweep_spec(cloud)
    counts = []
    with FaultProxy(s3, lambda *_: None) as proxy:
        env = dict(cloud.env, AWS_ENDPOINT_URL=proxy.url)
        for trials in (6, 12, 18):
            cloud("sweep", *([] if not counts else ["resume", "latest"]), "--trials", str(trials), env=env)
            counts.append(proxy.number - sum(counts))
    assert [t["state"] for t in results(cloud)] == ["value"] * 18
    # Taking a sweep up again reads its events, two for each trial, once to see whether there is something to do and once to do it;
    # and while trials run there is a look a second.
    assert counts[2] - counts[1] < 6 * 2 * 2 + 20, counts
    assert counts[0] / 6 < 36, counts
    assert json.loads(cloud("store", "check", "--json").stdout)["damaged"] == 0


def damaged(cli):
    done = cli("store", "check", "--json", check=None)
    return done.returncode, [f for f in json.loads(done.stdout)["findings"] if not f.get("harmless")]


@pytest.mark.parametrize("name, change, kind", [
    ("events/00000003", None, "gap in events"),
    ("events/00000003", b"", "damaged event"),
    ("events/00000003", b"\xff\xfe{", "damaged event"),
    ("events/00000002", "events/00000003", "damaged event"),
    ("sweep.json", b"{}", "damaged sweep"),
    ("sweep.json", None, "missing sweep"),
])
def test_damage_to_a_sweep_is_found_and_its_trials_stay(cli, name, change, kind):
    sweep_spec(cli)
    cli("sweep", "--trials", "2")
    jobs = [t["job"] for t in results(cli)]
    (sweep,) = (cli.dir / "home" / "store" / "sweeps").iterdir()
    (target,) = sweep.glob(name + "*")
    if change is None:
        target.unlink()
    else:
        (source,) = sweep.glob(change + "*") if isinstance(change, str) else [None]
        target.chmod(0o600)
        target.write_bytes(source.read_bytes() if source else change)
    status, findings = damaged(cli)
    assert status != 0 and [f["kind"] for f in findings] == [kind], findings
    for words in (["sweep", "show", sweep.name], ["sweep", "resume", sweep.name]):
        if kind == "gap in events":
            break  # who reads one event after the other takes it for the end
        done = cli(*words, check=None)
        assert done.returncode == 1 and done.stderr.startswith("baton: "), done.stderr
    for job in jobs:
        assert cli.show(job)["state"] == "succeeded"
