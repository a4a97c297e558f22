"""`baton sweep`: trials are jobs, and neither is lost nor run twice, whatever is killed."""
import csv
import io
import json
import os
import signal

import pytest

SQUARE = """
x=$BATON_PARAM_X
echo "{\\"step\\": 1, \\"loss\\": $(awk "BEGIN { print ($x - 0.3) ^ 2 }")}" >> $BATON_METRICS_FILE
"""


def sweep_spec(cli, program=SQUARE, sweep="", extra="", name="square", parameters="{x: {min: 0, max: 1}}"):
    spec = cli.spec(program, name=name, extra=extra)
    with spec.open("a") as f:
        f.write("sweep:\n  metric: loss\n  method: random\n  trials: 5\n  parallel: 2\n"
                f"  parameters: {parameters}\n{sweep}")
    return spec


def results(cli, sweep="latest"):
    return cli.json("sweep", "results", sweep)


def test_a_sweep_from_start_to_end(cli):
    sweep_spec(cli)
    out = cli("sweep").stdout
    lines = out.splitlines()
    assert sum("started: x=" in line for line in lines) == 5
    assert sum(": loss" in line and "after" in line for line in lines) == 5
    assert "complete; 5/5 trials done; best loss" in lines[-1]
    assert "--trials N` adds trials to it" in cli("sweep", "stop", "latest", check=None).stderr
    trials = results(cli)
    assert [t["trial"] for t in trials] == [1, 2, 3, 4, 5]
    for trial in trials:
        assert trial["state"] == "value"
        assert trial["value"] == pytest.approx((trial["params"]["x"] - 0.3) ** 2, rel=1e-4)
        job = cli.show(trial["job"])
        assert job["state"] == "succeeded"
        assert job["spec"]["params"]["x"] == trial["params"]["x"]
    best = cli.json("sweep", "show", "square")["best"]
    assert best["value"] == min(t["value"] for t in trials)
    rows = list(csv.DictReader(io.StringIO(cli("sweep", "results", "latest", "--csv").stdout)))
    assert [float(row["x"]) for row in rows] == [t["params"]["x"] for t in trials]
    assert json.loads(cli("store", "check", "--json").stdout)["damaged"] == 0


def test_a_seed_gives_the_same_parameters(cli):
    spec = sweep_spec(cli, sweep="  seed: 7\n")
    cli("sweep", spec)
    cli("sweep", spec)
    ids = cli("sweep", "ls", "--ids").stdout.split()
    first, second = (sorted(t["params"]["x"] for t in results(cli, one)) for one in ids)
    assert first == second
    cli("sweep", spec, "--set", "sweep.seed=8")
    assert sorted(t["params"]["x"] for t in results(cli)) != first


def test_failures_are_counted_and_excluded(cli):
    sweep_spec(cli, "[ $BATON_PARAM_X = 2 ] && exit 3\n" + SQUARE, parameters="{x: [0, 1, 2, 3]}",
               sweep="", name="fails")
    out = cli("sweep", "--set", "sweep.method=grid", "--trials", "4").stdout
    assert "failed: the program failed with status 3" in out
    show = cli.json("sweep", "show", "latest")
    assert show["closed"] == {"value": 3, "pruned": 0, "failed": 1, "stopped": 0}
    assert show["best"]["params"] == {"x": 0}
    failed = [t for t in results(cli) if t["state"] == "failed"]
    assert [t["value"] for t in failed] == [None]


def test_nan_is_a_failure_and_not_a_value(cli):
    program = 'echo "{\\"loss\\": \\"NaN\\"}" >> $BATON_METRICS_FILE; : $BATON_PARAM_X'
    sweep_spec(cli, program)
    assert "gave a value of loss" in cli("sweep", "--trials", "2", check=1).stderr
    assert {(t["state"], t["reason"], t["value"]) for t in results(cli)} == {("failed", "loss is NaN", None)}


# Trial 1 reports no number from its first step on, the last trial only in the end, as a training that diverges.
DIVERGES = """
: $BATON_PARAM_X
say() { echo "{\\"step\\": $1, \\"loss\\": $2}" >> $BATON_METRICS_FILE; }
case $BATON_TRIAL in
  1) say 1 NONE; say 2 NONE;;
  3) say 1 0.1; say 2 NONE; say 3 NONE;;
  *) say 1 0.9; say 2 0.5;;
esac
"""


@pytest.mark.parametrize("written, reason", [("NaN", "loss is NaN"), ("-Infinity", "loss is infinite"),
                                             ("1e999", "loss is infinite"), ("null", "loss is NaN")])
def test_no_number_is_a_failure_whatever_was_reported_before(cli, written, reason):
    sweep_spec(cli, DIVERGES.replace("NONE", written))
    out = cli("sweep", "--trials", "3", "--parallel", "1").stdout
    assert out.count(f"failed: {reason}") == 2
    assert [(t["state"], t["value"]) for t in results(cli)] == [("failed", None), ("value", 0.5), ("failed", None)]
    show = cli.json("sweep", "show", "latest")
    assert show["best"]["trial"] == 2 and show["closed"]["failed"] == 2


def test_metrics_without_a_number_are_shown_as_such(cli):
    cli("run", cli.spec(DIVERGES.replace("NONE", "NaN").replace("$BATON_TRIAL", "3").replace(": $BATON_PARAM_X", "")))
    assert [json.loads(line) for line in cli("metrics", "latest", "--json").stdout.splitlines()] == [
        {"step": 1, "loss": 0.1}, {"step": 2, "loss": None}, {"step": 3, "loss": None}]
    assert cli("metrics", "latest", "--csv").stdout == "step,loss\n1,0.1\n2,NaN\n3,NaN\n"
    assert cli("metrics", "latest").stdout.count("NaN") == 2
    assert "0.1 at step 1" in cli("metrics", "latest", "--plot").stdout


def test_an_unknown_metric_is_told_after_the_first_trial(cli):
    sweep_spec(cli, SQUARE.replace("loss", "val_los"))
    done = cli("sweep", "--parallel", "1", check=1)
    assert 'no metric "loss" was reported; there are: val_los' in done.stderr
    assert len(results(cli)) == 1


@pytest.mark.parametrize("change, message", [
    ("sweep.parameters={x: {min: 1, max: 0}}", "expected more than min"),
    ("sweep.parameters={x: {min: 0, max: 1, scale: log}}", "logarithmic"),
    ("sweep.parameters={x: [1, 2], y: [1, 2]}", "sweep.parameters.y is never used"),
    ("command=echo ${z}", "${z} names no parameter"),
    ("sweep.method=gird", 'did you mean "grid"?'),
])
def test_bad_input_is_refused_before_anything_is_done(cli, change, message):
    sweep_spec(cli)
    done = cli("sweep", "--set", change, check=2)
    assert message in done.stderr
    assert cli("sweep", "ls", "--ids").stdout == ""


def test_a_parameter_that_only_the_spec_mentions_is_not_used(cli):
    spec = cli.spec(SQUARE, name="all-in-one")
    (cli.dir / "run.sh").write_text(SQUARE)
    spec.write_text(spec.read_text().replace("./code", ".") + "sweep: {metric: loss, trials: 1, parameters: {zork: {min: 0, max: 1}}}\n")
    assert "sweep.parameters.zork is never used" in cli("sweep", check=2).stderr


def test_a_sweep_without_metric_runs_a_grid(cli):
    spec = cli.spec('echo $BATON_PARAM_A $BATON_PARAM_B', name="plain")
    spec.write_text(spec.read_text() + "sweep: {method: grid, parameters: {a: [1, 2, 3], b: [x, y]}}\n")
    cli("sweep")
    assert sorted((t["params"]["a"], t["params"]["b"]) for t in results(cli)) == [
        (a, b) for a in (1, 2, 3) for b in "xy"]


def test_ctrl_c_stops_and_resume_goes_on(cli):
    program = "while [ ! -e /data/go ]; do sleep 0.05; done\n" + SQUARE
    (cli.dir / "gate").mkdir()
    sweep_spec(cli, program, extra="data: {/data: ./gate}\npreemption: {grace: 2s}\n")
    sweep = cli.start("sweep")
    cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "trials to run")
    sweep.send_signal(signal.SIGINT)
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 75, out + err
    assert "baton sweep resume" in err
    assert cli.json("sweep", "show", "latest")["state"] == "stopped"
    assert all(cli.show(t["job"])["state"] == "stopped" for t in results(cli))
    assert {t["state"] for t in results(cli)} == {"interrupted"}
    before = [t["job"] for t in results(cli)]
    (cli.dir / "gate" / "go").touch()
    cli("sweep", "resume", "latest")
    after = results(cli)
    assert [t["job"] for t in after][:len(before)] == before
    assert [t["state"] for t in after] == ["value"] * 5


def trials_of(cli):
    done = cli("sweep", "results", "latest", "--json", check=None)
    return json.loads(done.stdout) if done.returncode == 0 else []


def running(cli, trial):
    done = cli("show", trial["job"], "--json", check=None)
    if done.returncode != 0:
        return False
    attempts = json.loads(done.stdout)["attempts"]
    return bool(attempts) and attempts[-1].get("started_at") is not None


def test_a_killed_sweep_goes_on_without_losing_or_repeating_a_trial(cli):
    (cli.dir / "gate").mkdir()
    program = "echo $BATON_TRIAL >> /results/ran\nwhile [ ! -e /data/go ]; do sleep 0.05; done\n" + SQUARE
    sweep_spec(cli, program, extra="data: {/data: ./gate}\n")
    sweep = cli.start("sweep")
    cli.wait(lambda: len([t for t in trials_of(cli) if running(cli, t)]) == 2, "two trials to run")
    sweep.send_signal(signal.SIGKILL)
    sweep.wait()
    assert cli.json("sweep", "show", "latest")["abandoned"] is True
    again = cli.start("sweep", "resume", "latest")
    cli.wait(lambda: not cli.json("sweep", "show", "latest")["abandoned"], "the sweep to be claimed")
    refused = cli("sweep", "resume", "latest", check=1)
    assert "is being run by process" in refused.stderr
    (cli.dir / "gate" / "go").touch()
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, out + err
    trials = results(cli)
    assert [t["state"] for t in trials] == ["value"] * 5
    assert [t["attempts"] for t in trials] == [1] * 5  # the agents of the first two lived on


def test_a_preempted_trial_goes_on_from_its_checkpoint(cli):
    program = ("echo x >> $BATON_CHECKPOINT_DIR/lives\n"
               "[ $(wc -l < $BATON_CHECKPOINT_DIR/lives) = 1 ] && while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done\n"
               + SQUARE)
    sweep_spec(cli, program, extra="preemption: {grace: 5s, signal: SIGURG}\n")
    sweep = cli.start("sweep", "--trials", "1")
    trial = cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "the trial to run")[0]
    cli("preempt", trial["job"])
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, out + err
    (done,) = results(cli)
    assert (done["state"], done["attempts"]) == ("value", 2)
    said = [line for line in out.splitlines() if line.startswith("trial 1")]
    assert said[1] == "trial 1 was preempted, goes on" and len(said) == 3 and "2 attempts" in said[2]


def test_every_preemption_is_a_line_of_json_too(cli):
    program = ("echo x >> $BATON_CHECKPOINT_DIR/lives\n"
               "[ $(wc -l < $BATON_CHECKPOINT_DIR/lives) -lt 3 ] && { echo waits; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done; }\n"
               + SQUARE)
    sweep_spec(cli, program, extra="preemption: {grace: 5s, signal: SIGURG}\n")
    sweep = cli.start("sweep", "--trials", "1", "--json")
    trial = cli.wait(lambda: trials_of(cli), "the trial")[0]
    for life in (1, 2):
        cli.wait(lambda life=life: cli("logs", trial["job"], check=None).stdout.count("waits") == life, "the program to wait")
        cli("preempt", trial["job"])
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, out + err
    told = [event for event in map(json.loads, out.splitlines()) if event["type"] == "interrupted"]
    assert told == [{"type": "interrupted", "trial": 1, "reason": "trial 1 was preempted, goes on"}] * 2


def test_a_trial_stopped_by_hand_is_no_failure(cli):
    program = "[ $BATON_TRIAL = 1 ] && while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done\n" + SQUARE
    sweep_spec(cli, program, extra="preemption: {grace: 5s, signal: SIGURG}\n")
    sweep = cli.start("sweep", "--trials", "3")
    trial = cli.wait(lambda: [t for t in trials_of(cli)[:1] if running(cli, t)], "the trial to run")[0]
    cli("stop", trial["job"])
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, out + err
    assert [t["state"] for t in results(cli)] == ["stopped", "value", "value"]


def test_sweep_stop_ends_one_that_another_process_runs(cli):
    sweep_spec(cli, ": $BATON_PARAM_X; sleep 60", extra="preemption: {grace: 1s}\n")
    sweep = cli.start("sweep")
    cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "trials to run")
    cli("sweep", "stop", "latest")
    assert sweep.wait(timeout=30) == 75
    assert cli.json("sweep", "show", "latest")["reason"] == "asked for with baton sweep stop"


def test_sweep_stop_ends_one_whose_process_is_gone(cli):
    sweep_spec(cli, ": $BATON_PARAM_X; sleep 60", extra="preemption: {grace: 1s}\n")
    sweep = cli.start("sweep")
    trial = cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "trials to run")[0]
    os.kill(sweep.pid, signal.SIGKILL)
    sweep.wait()
    cli("sweep", "stop", "latest")
    assert cli.json("sweep", "show", "latest")["state"] == "stopped"
    assert cli.show(trial["job"])["state"] == "stopped"


def test_a_finished_sweep_is_extended(cli):
    sweep_spec(cli)
    cli("sweep", "--trials", "3")
    first = results(cli)
    assert "--trials N" in cli("sweep", "resume", "latest", check=1).stderr
    cli("sweep", "resume", "latest", "--trials", "6")
    trials = results(cli)
    assert len(trials) == 6 and trials[:3] == first
    assert len({t["params"]["x"] for t in trials}) == 6


def test_a_warm_start_knows_what_the_other_sweep_found(cli):
    def distances(*options):
        done = cli("sweep", spec, "--set", "sweep.method=bayes", "--trials", "3", "--parallel", "1", *options)
        return done, [abs(t["params"]["x"] - 0.3) for t in results(cli)]

    spec = sweep_spec(cli, parameters="{x: {min: 0, max: 1, step: 0.1}}")
    cli("sweep", spec, "--set", "sweep.method=grid", "--trials", "11")
    found = cli("sweep", "ls", "--ids").stdout.split()[0]
    spec = sweep_spec(cli, parameters="{x: {min: 0, max: 0.85}}")
    done, warm = distances("--warm-from", found)
    assert "begins with 9 known trials" in done.stderr and "; 2 do not fit" in done.stderr
    assert cli.json("sweep", "show", "latest")["warm_points"] == 9
    assert max(warm) < 0.1, "it searches around the best one that is known"
    _, cold = distances()
    assert max(cold) > 0.2, "and it would have had to look elsewhere without"
    refused = cli("sweep", spec, "--set", "sweep.metric=other", "--warm-from", "latest", check=1)
    assert "is no help for this one" in refused.stderr


def test_budgets_end_a_sweep(cli):
    sweep_spec(cli)
    cli("sweep", "--trials", "50", "--set", "sweep.budget={target: 0.2}")
    show = cli.json("sweep", "show", "latest")
    assert show["state"] == "target" and show["trials"] < 50
    sweep_spec(cli, ": $BATON_PARAM_X; sleep 60", extra="preemption: {grace: 0s}\n")
    cli("sweep", "--set", "sweep.budget={time: 1s}")
    assert cli.json("sweep", "show", "latest")["state"] == "time"


# Ends only by a verdict, once it has said what it is worth: as training that would go on for long does.
UNTIL_STOPPED = """
report() { reported=1; echo "{\\"step\\": $1, \\"loss\\": $BATON_PARAM_X}" >> $BATON_METRICS_FILE; }
wait_for_the_end() { while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done; exit 0; }
"""


@pytest.mark.parametrize("rule, pruned", [("median", [9]), ("asha", [2, 3, 4, 9])])
def test_stop_early_prunes_what_falls_behind(cli, rule, pruned):
    """One trial after the other. The median of 1, 2, 3 … is kept; of the rule asha only the best half is, at steps 2 and 4."""
    program = UNTIL_STOPPED + "for step in 1 2 3 4 5; do report $step; done\n" + "".join(
        f"[ $BATON_PARAM_X = {x} ] && wait_for_the_end\n" for x in pruned) + "exit 0\n"
    rule = "after: 4" if rule == "median" else "rule: asha, after: 1, reduction: 2"
    sweep_spec(cli, program, parameters="{x: [1, 2, 3, 4, 9]}", sweep=f"  stop_early: {{grace: 1, {rule}}}\n",
               extra="preemption: {grace: 10s, signal: SIGURG}\n")
    cli("sweep", "--set", "sweep.method=grid", "--parallel", "1")
    states = {t["params"]["x"]: t["state"] for t in results(cli)}
    assert states == {x: "pruned" if x in pruned else "value" for x in (1, 2, 3, 4, 9)}
    for trial in results(cli):  # the last report of a pruned one counts, and it had one
        assert trial["value"] == trial["params"]["x"]


# After each report it waits until the sweep has taken it in: then it is told to end, or the test lets it go on.
STEP_BY_STEP = UNTIL_STOPPED + """
step=$(cat $BATON_CHECKPOINT_DIR/step 2>/dev/null || echo 0)
while [ $step -lt LAST ]; do
  step=$((step + 1))
  echo $step > $BATON_CHECKPOINT_DIR/step
  report $step
  AFTER_A_REPORT
  while [ ! -e /data/$BATON_TRIAL-$step ]; do [ -e $BATON_PREEMPT_FILE ] && exit 0; sleep 0.05; done
done
wait_for_the_end
"""


def play_step_by_step(cli, method, *options, last, sweep, after_a_report=":", kill_when=lambda _: False):
    """Runs a sweep of such programs to its end; gives its events. Its process is killed once, and the sweep resumed, when
    kill_when(trials) holds; then the events are those since."""
    gate = cli.dir / "gate"
    gate.mkdir()
    sweep_spec(cli, STEP_BY_STEP.replace("LAST", str(last)).replace("AFTER_A_REPORT", after_a_report),
               sweep=f"  max_step: {last}\n" + sweep, extra="data: {/data: ./gate}\npreemption: {grace: 20s, signal: SIGURG}\n")
    process = cli.start("sweep", "--json", "--set", f"sweep.method={method}", *options)

    def let_go_on():
        nonlocal process, kill_when
        trials = trials_of(cli)
        if kill_when(trials):
            process.kill()
            process.wait()
            process, kill_when = cli.start("sweep", "resume", "latest", "--json"), lambda _: False
        for trial in trials:
            # What is to pause or to stop is no longer open; its program waits until it is told.
            if trial["state"] == "open" and trial.get("reports"):
                (gate / f"{trial['trial']}-{trial['reports'][-1][0]}").touch()
        return process.poll() is not None

    cli.wait(let_go_on, "the sweep to end", seconds=100)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    for trial in trials_of(cli):  # no step twice over all attempts, and none left out
        steps = [json.loads(row)["step"] for row in cli("metrics", trial["job"], "--json").stdout.splitlines()]
        assert steps == list(range(steps[0], steps[-1] + 1)) if steps else trial["state"] != "value", trial
        assert trial["state"] != "value" or steps[-1] == last
    return [json.loads(line) for line in out.splitlines()]


def test_asha_pauses_trials_and_takes_them_up_again(cli):
    # One after the other, so that their speed does not decide which of them are taken up again.
    events = play_step_by_step(cli, "asha", "--trials", "4", "--parallel", "1", last=4, sweep="  min_step: 1\n  reduction: 2\n  seed: 3\n")
    paused = {event["trial"] for event in events if event["type"] == "paused"}
    asked = [event["trial"] for event in events if event["type"] == "asked"]
    assert paused and any(asked.count(trial) > 1 for trial in paused)
    trials = results(cli)
    done = [t for t in trials if t["state"] == "value"]
    assert done and all(t["attempts"] > 1 for t in done if t["trial"] in paused)
    waiting = [t for t in trials if t["state"] == "paused"]
    assert waiting and len(done) + len(waiting) == 4
    rows = {int(row["trial"]): row for row in csv.DictReader(io.StringIO(cli("sweep", "results", "latest", "--csv").stdout))}
    table = cli("sweep", "results", "latest").stdout
    for trial in waiting:  # no value, but what it has reported
        assert trial["value"] is None and trial["attempts"] >= 1 and trial["ran_ms"] > 0
        step, value = trial["reports"][-1]
        assert trial["last_report"] == {"step": step, "value": value}
        row = rows[trial["trial"]]
        assert (row["value"], int(row["last_step"]), float(row["last_report"])) == ("", step, value)
        assert f"{value:.6g} at step {step}" in table
    assert set(cli.json("sweep", "show", "latest")["importance"]) == {"x"}
    page = cli("sweep", "plot", "latest", "--to", "-").stdout
    assert page.count('"paused_at":') == len(waiting)


def test_asha_of_programs_that_nobody_can_stop_in_time(cli):
    """They come to their end before they are looked at: they count as they ended, and none as paused."""
    program = UNTIL_STOPPED + "for step in $(seq 9); do report $step; done\n[ $BATON_TRIAL != 2 ]\n"
    sweep_spec(cli, program, sweep="  max_step: 9\n")
    out = cli("sweep", "--set", "sweep.method=asha", "--trials", "8").stdout
    assert "complete; 8/8 trials done, 1 failed; best loss" in out
    assert [t["state"] for t in results(cli)] == ["value", "failed"] + ["value"] * 6
    assert all(t["attempts"] == 1 and t["value"] in (None, t["params"]["x"]) for t in results(cli))
    rows = csv.DictReader(io.StringIO(cli("sweep", "results", "latest", "--csv").stdout))
    assert [bool(row["value"]) for row in rows] == [True, False] + [True] * 6
    assert cli.json("sweep", "show", "latest")["importance"]


def test_the_best_report_counts_where_the_spec_says_so(cli):
    """Of a trial that runs to its end, and of one that is stopped early."""
    program = UNTIL_STOPPED + """
    say() { echo "{\\"step\\": $1, \\"loss\\": $2}" >> $BATON_METRICS_FILE; }
    [ $BATON_PARAM_X = 1 ] && { say 1 0.5; say 2 0.1; say 3 0.4; exit 0; }
    say 1 0.6; say 2 0.9
    wait_for_the_end
    """
    sweep_spec(cli, program, parameters="{x: [1, 2]}", sweep="  stop_early: {after: 1, grace: 1}\n",
               extra="preemption: {grace: 10s, signal: SIGURG}\n")
    cli("sweep", "--set", "sweep.method=grid", "--set", "sweep.metric={name: loss, best: true}", "--parallel", "1", "--trials", "2")
    assert [(t["state"], t["value"]) for t in results(cli)] == [("value", 0.1), ("pruned", 0.6)]


def test_hyperband_begins_at_several_rungs(cli):
    events = play_step_by_step(cli, "hyperband", "--trials", "8", "--parallel", "3", last=4, sweep="  min_step: 1\n  reduction: 2\n")
    first = {}
    for event in events:
        if event["type"] == "asked":
            first.setdefault(event["trial"], event["until"])
    assert len(first) == 8 and set(first.values()) == {1, 2, 4}
    reached = {t["trial"]: t["reports"][-1][0] for t in results(cli)}
    assert all(reached[trial] >= until for trial, until in first.items()), "nothing is compared before its first rung"
    assert [t for t in results(cli) if t["state"] == "value"]
    assert cli.json("sweep", "show", "latest")["state"] == "complete"


def test_pbt_goes_on_from_a_copy_of_a_better_ones_checkpoint(cli):
    play_step_by_step(cli, "pbt", "--trials", "7", "--parallel", "4", last=6, sweep="  min_step: 2\n", after_a_report="baton commit")
    check_that_copies_train_on(cli)


def test_a_killed_pbt_goes_on_with_its_copies(cli):
    play_step_by_step(cli, "pbt", "--trials", "7", "--parallel", "4", last=4, sweep="  min_step: 1\n", after_a_report="baton commit",
                      kill_when=lambda trials: any(t.get("parent") for t in trials))
    check_that_copies_train_on(cli)
    assert {t["state"] for t in results(cli)} <= {"value", "pruned"}


def check_that_copies_train_on(cli):
    trials = {t["trial"]: t for t in results(cli)}
    children = [t for t in trials.values() if t.get("parent")]
    assert children
    for child in children:
        assert child["state"] in ("value", "pruned") and child["reports"], "a copy trains on"
        assert child["reports"][0][0] > 1, "it does not begin at the beginning"
    assert json.loads(cli("store", "check", "--json").stdout)["damaged"] == 0


TWO_STEPS = UNTIL_STOPPED + """
step=$(cat $BATON_CHECKPOINT_DIR/step 2>/dev/null || echo 0)
while [ $step -lt 2 ]; do
  step=$((step + 1))
  echo $step > $BATON_CHECKPOINT_DIR/step
  baton commit
  while [ ! -e /data/$BATON_TRIAL-$step ]; do [ -e $BATON_PREEMPT_FILE ] && exit 0; sleep 0.05; done
  report $step
done
"""


def test_a_copy_with_nothing_left_to_train_is_no_failure(cli):
    """A program that commits before it reports: what looks like the step before the last is complete."""
    gate = cli.dir / "gate"
    gate.mkdir()
    sweep_spec(cli, TWO_STEPS, sweep="  max_step: 2\n",
               extra="data: {/data: ./gate}\npreemption: {grace: 20s, signal: SIGURG}\n")
    process = cli.start("sweep", "--set", "sweep.method=pbt", "--trials", "5", "--parallel", "4")
    cli.wait(lambda: len(trials_of(cli)) == 4, "the population")
    *better, worst = sorted(trials_of(cli), key=lambda t: t["params"]["x"])
    for trial in better:
        (gate / f"{trial['trial']}-1").touch()
    cli.wait(lambda: all(t.get("reports") for t in trials_of(cli) if t["trial"] != worst["trial"]), "the reports")
    cli.wait(lambda: all(len(cli.show(t["job"])["commits"]) > 1 for t in better), "the last steps to be committed")
    (gate / f"{worst['trial']}-1").touch()
    cli.wait(lambda: trials_of(cli)[-1]["state"] == "stopped", "the copy to end")
    for trial in better:
        (gate / f"{trial['trial']}-2").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    states = [t["state"] for t in results(cli)]
    assert sorted(states) == ["pruned", "stopped", "value", "value", "value"]
    assert "nothing was left to train" in results(cli)[-1]["reason"]
    assert "report first, then commit" in out


def test_pbt_of_programs_that_nobody_can_stop_in_time(cli):
    """They come to their end before they are looked at: nobody's place may be taken by one that fails."""
    program = UNTIL_STOPPED + """
    step=$(cat $BATON_CHECKPOINT_DIR/step 2>/dev/null || echo 0)
    for step in $(seq $((step + 1)) 6); do
      echo $step > $BATON_CHECKPOINT_DIR/step
      report $step
      baton commit
    done
    """
    sweep_spec(cli, program, sweep="  max_step: 6\n  min_step: 2\n")
    cli("sweep", "--set", "sweep.method=pbt", "--trials", "9", "--parallel", "4")
    trials = results(cli)
    assert len(trials) >= 4 and {t["state"] for t in trials} <= {"value", "pruned"}
    assert all(cli("metrics", t["job"], "--json").stdout for t in trials)


def test_ps_shows_a_sweep_as_one_line(cli):
    sweep_spec(cli)
    cli("sweep")
    cli("run", cli.spec("true", where="other"))
    listing = cli("ps").stdout
    assert listing.count("square") == 1 and "5/5" in listing
    assert [job["name"] for job in cli.json("ps")] == ["test"]
    assert sorted(job["name"] for job in cli.json("ps", "--all")) == ["square+1", "square+2", "square+3", "square+4",
                                                                      "square+5", "test"]
    assert cli.show("square+3")["spec"]["name"] == "square"


def test_gc_keeps_the_code_of_a_sweep_and_rm_removes_it(cli):
    sweep_spec(cli)
    cli("sweep", "--trials", "2")
    for trial in results(cli):
        cli("rm", trial["job"])
    cli("store", "gc")
    cli("sweep", "resume", "latest", "--trials", "4")
    assert [t["state"] for t in results(cli)] == ["value"] * 4
    cli("sweep", "rm", "latest")
    cli("store", "gc")
    assert cli("sweep", "ls", "--ids").stdout == "" and cli.json("ps", "--all") == []
    assert not list((cli.dir / "home" / "store" / "code").glob("??/*"))


def test_run_of_a_sweep_spec_takes_the_values_in_params(cli):
    sweep_spec(cli)
    assert "--set params.x=" in cli("run", check=2).stderr
    cli("run", "--set", "params.x=0.5")
    assert cli.show()["spec"]["params"] == {"x": 0.5}


def test_help_and_completion_know_the_sweep(cli):
    text = cli("sweep", "--help").stdout
    for word in ("--warm-from", "baton sweep show", "baton sweep resume"):
        assert word in text
    script = cli("completion", "bash").stdout
    assert "show" in script and "baton sweep ls --ids" in script
