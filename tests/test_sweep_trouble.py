"""Sweeps whose process dies of an error: they say how to go on, and do."""
import shutil
import signal

from test_trouble import small_disk  # noqa: F401  (a fixture)
from sweep_specs import results, running, sweep_spec, trials_of

GATED = """
: $BATON_PARAM_X
while [ ! -e /data/$BATON_TRIAL ]; do sleep 0.05; done
echo '{"loss": 1}' >> $BATON_METRICS_FILE
"""


def gated_sweep(cli):
    """One of four trials, two of which run and wait to be let go; gives what lets trials go."""
    (cli.dir / "gate").mkdir()
    sweep_spec(cli, GATED, extra="data: {/data: ./gate}\npreemption: {grace: 0s}\n")
    sweep = cli.start("sweep", "--trials", "4")
    cli.wait(lambda: len([t for t in trials_of(cli) if running(cli, t)]) == 2, "two trials to run")
    return sweep, lambda *trials: [(cli.dir / "gate" / str(trial)).touch() for trial in trials]


def test_a_full_store_names_the_way_on(small_disk, cli):  # noqa: F811
    cli.env["BATON_STORE"] = str(small_disk / "store")
    sweep, let_go = gated_sweep(cli)
    with (small_disk / "rest").open("wb", buffering=0) as rest:
        try:
            while True:
                rest.write(bytes(4096))
        except OSError:
            pass
    let_go(2)
    _, err = sweep.communicate(timeout=60)
    sweep_id = cli.json("sweep", "ls")[0]["id"]
    assert sweep.returncode == 1 and "No space left on device" in err and "free some space" in err, err
    assert err.endswith(f"\n  `baton sweep resume {sweep_id}` goes on; 1 trial still runs\n"), err
    (small_disk / "rest").unlink()
    let_go(1, 3, 4)
    cli("sweep", "resume", "latest")
    assert [t["state"] for t in results(cli)] == ["value"] * 4


def test_a_program_that_was_removed_names_the_way_on(cli):
    there, gone = cli.binary, str(cli.dir / "gone")
    shutil.copy(there, gone)
    cli.binary = gone
    sweep, let_go = gated_sweep(cli)
    cli.binary = there
    (cli.dir / "gone").unlink()
    let_go(1)
    _, err = sweep.communicate(timeout=60)
    sweep_id = cli.json("sweep", "ls")[0]["id"]
    assert sweep.returncode == 1 and f"{gone} was not found" in err, err
    assert err.endswith(f"\n  `baton sweep resume {sweep_id}` goes on; 1 trial still runs\n"), err
    let_go(2, 3, 4)
    cli("sweep", "resume", "latest")
    assert [t["state"] for t in results(cli)] == ["value"] * 4


def test_a_stop_that_is_cut_off_names_itself(cli):
    sweep, _ = gated_sweep(cli)
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    sweep_id = cli.json("sweep", "ls")[0]["id"]
    for broken in range(0, 90, 3):  # which of its looks at the store; each stop that is recorded is one more to be read
        done = cli("sweep", "stop", "latest", check=1, env=dict(cli.env, BATON_TEST_FAULTS=f"at={broken}:no_space"))
        if "tries again" in done.stderr:
            break
    assert f"`baton sweep stop {sweep_id}` tries again; 2 trials still run\n" in done.stderr
    cli("sweep", "stop", "latest")
    assert cli.json("sweep", "show", "latest")["state"] == "stopped"
