"""What others ask of a sweep in the very moment when it stops."""
import signal

import pytest
from sweep_specs import results, running, sweep_spec, trials_of

SLOW_END = """
trap 'sleep 1.5; exit 0' TERM
n=0; while [ ! -e /data/go ]; do sleep 0.05; done
echo "{\\"loss\\": $BATON_PARAM_X}" >> $BATON_METRICS_FILE
"""


@pytest.mark.parametrize("how", ["Ctrl-C", "sweep stop"])
def test_an_extension_that_meets_a_stop_is_heeded(cli, how):
    (cli.dir / "gate").mkdir()
    sweep_spec(cli, SLOW_END, extra="data: {/data: ./gate}\n")
    sweep = cli.start("sweep", "--trials", "3", "--parallel", "1")
    cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "a trial to run")
    if how == "Ctrl-C":
        sweep.send_signal(signal.SIGINT)
    else:
        cli("sweep", "stop", "latest", "--no-wait")
    cli.wait(lambda: cli.json("sweep", "show", "latest")["stop_requested"], "the stop to be recorded")
    cli("sweep", "resume", "latest", "--trials", "4")
    (cli.dir / "gate" / "go").touch()
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, out + err
    assert [t["state"] for t in results(cli)] == ["value"] * 4, out + err
