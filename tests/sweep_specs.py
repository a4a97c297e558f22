"""What the tests of sweeps share: specs, programs, and a look at trials."""
import json

SQUARE = """
x=$BATON_PARAM_X
echo "{\\"step\\": 1, \\"loss\\": $(awk "BEGIN { print ($x - 0.3) ^ 2 }")}" >> $BATON_METRICS_FILE
"""

# Ends only by a verdict, once it has said what it is worth: as training that would go on for long does.
UNTIL_STOPPED = """
report() { reported=1; echo "{\\"step\\": $1, \\"loss\\": $BATON_PARAM_X}" >> $BATON_METRICS_FILE; }
wait_for_the_end() { while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done; exit 0; }
"""


def sweep_spec(cli, program=SQUARE, sweep="", extra="", name="square", parameters="{x: {min: 0, max: 1}}"):
    spec = cli.spec(program, name=name, extra=extra)
    with spec.open("a") as f:
        f.write("sweep:\n  metric: loss\n  method: random\n  trials: 5\n  parallel: 2\n"
                f"  parameters: {parameters}\n{sweep}")
    return spec


def results(cli, sweep="latest"):
    return cli.json("sweep", "results", sweep)


def trials_of(cli):
    done = cli("sweep", "results", "latest", "--json", check=None)
    return json.loads(done.stdout) if done.returncode == 0 else []


def running(cli, trial):
    done = cli("show", trial["job"], "--json", check=None)
    if done.returncode != 0:
        return False
    attempts = json.loads(done.stdout)["attempts"]
    return bool(attempts) and attempts[-1].get("started_at") is not None
