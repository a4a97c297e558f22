"""Trials that are ended early, paused and taken up again, or go on from a copy of a better one: stop_early, asha, hyperband, pbt."""
import csv
import io
import json

import pytest

from sweep_specs import UNTIL_STOPPED, results, sweep_spec, trials_of


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


def test_a_complete_trial_has_time_for_its_results(cli):
    """Its last report ends nothing: what it writes then is delivered. Only what reports a later step is told to end."""
    program = UNTIL_STOPPED + """
    for step in 1 2 3; do report $step; sleep 0.1; done
    sleep 3
    echo model > $BATON_RESULTS_DIR/model.bin
    [ $BATON_TRIAL = 1 ] && exit 0
    report 4
    wait_for_the_end
    """
    sweep_spec(cli, program, sweep="  max_step: 3\n", extra="preemption: {grace: 10s, signal: SIGURG}\n")
    cli("sweep", "--set", "sweep.method=asha", "--trials", "2", "--set", "sweep.reduction=100", "--set", "sweep.min_step=3")
    first, second = results(cli)
    assert [first["state"], second["state"]] == ["value", "value"]
    assert cli.show(first["job"])["state"] == "succeeded" and cli.show(second["job"])["state"] == "stopped"
    cli("results", first["job"], "--to", "out")
    assert (cli.dir / "out" / "model.bin").read_text() == "model\n"


def test_asha_of_few_trials_completes_one(cli):
    """Of two there is no best third. The process is killed while the better one goes on."""
    play_step_by_step(cli, "asha", "--trials", "2", last=9, sweep="  min_step: 1\n  seed: 3\n",
                      kill_when=lambda trials: any(t.get("reports") and t["reports"][-1][0] == 2 for t in trials))
    trials = sorted(results(cli), key=lambda t: t["params"]["x"])
    assert [t["state"] for t in trials] == ["value", "paused"]
    assert trials[1]["last_report"]["step"] == 1
    assert cli.json("sweep", "show", "latest")["best"]["trial"] == trials[0]["trial"]


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


def test_a_finished_pbt_can_be_extended(cli):
    """Its process is killed in the middle of what was added."""
    sweep_spec(cli, UNTIL_STOPPED + "for step in 1 2; do sleep 0.2; report $step; done\n", sweep="  max_step: 2\n  min_step: 2\n")
    cli("sweep", "--set", "sweep.method=pbt", "--trials", "4")
    first = results(cli)
    assert [t["state"] for t in first] == ["value"] * 4
    process = cli.start("sweep", "resume", "latest", "--trials", "10")
    cli.wait(lambda: len(trials_of(cli)) >= 6, "trials beyond the first plan")
    process.kill()
    process.wait()
    cli("sweep", "resume", "latest")
    trials = results(cli)
    assert trials[:4] == first and [t["state"] for t in trials] == ["value"] * 10
    for trial in trials:  # none run twice
        assert [json.loads(row)["step"] for row in cli("metrics", trial["job"], "--json").stdout.splitlines()] == [1, 2]


@pytest.mark.parametrize("method", ["asha", "pbt"])
def test_a_running_sweep_with_budgets_can_be_extended(cli, method):
    """By another process, while its own goes on: what was suggested before stays as it was."""
    sweep_spec(cli, UNTIL_STOPPED + "for step in 1 2 3; do sleep 0.3; report $step; done\n", sweep="  max_step: 3\n")
    process = cli.start("sweep", "--set", f"sweep.method={method}", "--trials", "4")
    cli.wait(lambda: any(t.get("reports") for t in trials_of(cli)), "a first report")
    cli("sweep", "resume", "latest", "--trials", "9")
    assert process.poll() is None and len(trials_of(cli)) < 9, "it only says so to the one that runs"
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0 and "suggests otherwise" not in out + err, out + err
    trials = results(cli)
    assert len(trials) == 9 and {t["state"] for t in trials} <= {"value", "paused", "pruned"}
    assert any(t["state"] == "value" for t in trials)
    cli("sweep", "resume", "latest", "--trials", "10")
    assert results(cli)[:9] == trials or method == "asha"
    assert len(results(cli)) == 10


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
