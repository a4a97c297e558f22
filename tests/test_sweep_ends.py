"""How a sweep ends, and why; and how one that has ended, or that runs, gets other limits."""
import json
import os
import re
import shutil
import signal

import pytest

from metadata import Aws
from sweep_specs import SQUARE, UNTIL_STOPPED, results, running, sweep_spec, trials_of

WORTH_X = 'echo "{\\"loss\\": $BATON_PARAM_X}" >> $BATON_METRICS_FILE\n'
ONE_BY_ONE = ("--parallel", "1", "--set", "sweep.method=grid")


def test_a_space_that_is_used_up_ends_the_sweep_and_says_so(cli):
    sweep_spec(cli, WORTH_X, parameters="{x: [1, 2, 3]}")
    why = "every point of the space has been tried"
    out = cli("sweep", "--set", "sweep.method=bayes", "--trials", "60").stdout
    assert f"complete: {why}; 3/60 trials done" in out
    assert cli.json("sweep", "show", "latest")["reason"] == why
    assert f"complete: {why}; 3/60" in cli("sweep", "show", "latest").stdout
    assert f"complete, with 3 trials: {why}" in cli("sweep", "resume", "latest", check=1).stderr
    assert f"complete: {why}; 3/100 trials done" in cli("sweep", "resume", "latest", "--trials", "100").stdout


def test_a_grid_that_comes_to_its_end_needs_no_reason(cli):
    sweep_spec(cli, WORTH_X, parameters="{x: [1, 2, 3]}")
    spec = cli.dir / "baton.yaml"
    spec.write_text(spec.read_text().replace("  trials: 5\n", ""))
    assert "complete; 3 trials done" in cli("sweep", *ONE_BY_ONE).stdout
    assert cli.json("sweep", "show", "latest")["reason"] == ""


def test_more_trials_for_a_sweep_that_has_reached_its_target_need_another_target(cli):
    sweep_spec(cli, WORTH_X, parameters="{x: [3, 2, 1, 0]}")
    cli("sweep", *ONE_BY_ONE, "--set", "sweep.budget={target: 2}")
    events = cli.json("sweep", "show", "latest")
    assert (events["state"], events["trials"]) == ("target", 2)
    for more in ([], ["--trials", "40"], ["--target", "2.5"]):
        refused = cli("sweep", "resume", "latest", *more, check=1).stderr
        assert "would end at once: trial 2 reached the target of 2" in refused and "--target VALUE" in refused
    refused = cli("sweep", "stop", "latest", check=1).stderr
    assert "has ended already" in refused and f"`baton sweep resume {events['id']} --target VALUE`" in refused
    assert cli.json("sweep", "show", "latest") == events, "nothing was recorded"
    cli("sweep", "resume", "latest", "--target", "1")
    assert [t["value"] for t in results(cli)] == [3, 2, 1]
    assert cli.json("sweep", "show", "latest")["state"] == "target"
    out = cli("sweep", "resume", "latest", "--target=-7").stdout
    assert [t["value"] for t in results(cli)] == [3, 2, 1, 0] and "complete; 4/5" not in out
    assert "every point of the grid has been given out" in out


def test_a_sweep_whose_time_is_used_up_shows_what_it_interrupted_and_goes_on_with_more_time(cli):
    gate = cli.dir / "gate"
    gate.mkdir()
    program = ("while [ ! -e /data/go ]; do [ -e $BATON_PREEMPT_FILE ] && exit 0; sleep 0.05; done\n" + SQUARE)
    sweep_spec(cli, program, extra="data: {/data: ./gate}\npreemption: {grace: 10s, signal: SIGURG}\n")
    out = cli("sweep", "--set", "sweep.budget={time: 2s}", "--trials", "3").stdout
    assert "time: its time of 2.0s is used up" in out and "2 interrupted" in out
    before = results(cli)
    assert [t["state"] for t in before] == ["interrupted"] * 2
    assert all(t["attempts"] == 1 and t["ran_ms"] > 0 and t["value"] is None for t in before)
    (line,) = cli.json("sweep", "ls")
    assert (line["state"], line["trials"], line["running"]) == ("time", 2, 0) and cli.json("sweep", "show", "latest")["open"] == 2
    (hint,) = (cli.dir / "home" / "store" / "sweeps").glob("*/summary.json")
    assert json.loads(hint.read_text())["running"] == 0
    hint.unlink()
    assert cli.json("sweep", "ls") == [line], "the same without the hint"
    rows = cli("sweep", "results", "latest").stdout.splitlines()[1:]
    assert all(re.match(r" *\d +interrupted +- +1 +\d", row) for row in rows), rows
    refused = cli("sweep", "resume", "latest", "--trials", "9", check=1).stderr
    assert "would end at once: its time of 2.0s is used up" in refused and "--time TIME" in refused
    assert "--time TIME` gives it more" in cli("sweep", "stop", "latest", check=1).stderr
    (gate / "go").touch()
    cli("sweep", "resume", "latest", "--time", "1h")
    after = results(cli)
    assert [(t["state"], t["attempts"]) for t in after] == [("value", 2), ("value", 2), ("value", 1)]
    assert [t["job"] for t in after][:2] == [t["job"] for t in before]


def test_a_sweep_goes_on_with_the_code_as_it_was_though_its_directory_is_gone(cli):
    sweep_spec(cli, WORTH_X)
    cli("sweep", "--trials", "1")
    shutil.rmtree(cli.dir / "code")
    cli("sweep", "resume", "latest", "--trials", "2")
    assert [t["state"] for t in results(cli)] == ["value"] * 2


def test_a_sweep_whose_every_trial_failed_has_not_succeeded(cli):
    sweep_spec(cli, "exit 3; : $BATON_PARAM_X")
    done = cli("sweep", "--trials", "2", "--parallel", "1", check=1)
    assert "complete; 2/2 trials done, 2 failed" in done.stdout
    assert re.search(r"no trial of sweep \S+ gave a value of loss: 2 failed, trial 2 because the program failed with status 3", done.stderr)
    assert f"baton logs {results(cli)[1]['job']}" in done.stderr
    sweep_spec(cli, "[ $BATON_PARAM_X = 1 ] && exit 3\n" + WORTH_X, parameters="{x: [1, 2]}")
    cli("sweep", *ONE_BY_ONE)  # one that has something to show for itself has


def test_an_unknown_metric_needs_a_new_sweep(cli):
    sweep_spec(cli, WORTH_X.replace("loss", "los"))
    done = cli("sweep", "--parallel", "1", check=1)
    assert 'no metric "loss" was reported; there are: los' in done.stderr
    assert "correct sweep.metric in the spec" in done.stderr and "start a new sweep" in done.stderr
    assert "tries again" not in done.stderr


def test_limits_of_a_sweep_that_runs_elsewhere_are_changed_there(cli):
    gate = cli.dir / "gate"
    gate.mkdir()
    sweep_spec(cli, "while [ ! -e /data/go ]; do sleep 0.05; done\n" + SQUARE, extra="data: {/data: ./gate}\n")
    sweep = cli.start("sweep", "--trials", "1", "--parallel", "1")
    cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "the trial to run")
    cli("sweep", "resume", "latest", "--trials", "4", "--parallel", "2", "--time", "1h", "--target=-1")
    cli.wait(lambda: len(trials_of(cli)) == 2, "a second trial beside the first")
    (gate / "go").touch()
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, out + err
    assert "the sweep goes on, up to 4 trials, 2 at once, for 1h00m in all, to a target of -1\n" in out
    assert "complete; 4/4 trials done" in out and [t["state"] for t in results(cli)] == ["value"] * 4


@pytest.fixture
def resumed_while_stopped(cli):
    """A sweep that was asked to stop, and resumed before it could; what runs it, what waits for its end, and what lets it end."""
    gate = cli.dir / "gate"
    gate.mkdir()
    sweep_spec(cli, "while [ ! -e /data/go ]; do sleep 0.05; done\n" + SQUARE,
               extra="data: {/data: ./gate}\npreemption: {grace: 60s, signal: SIGURG}\n")
    sweep = cli.start("sweep", "--trials", "2")
    cli.wait(lambda: [t for t in trials_of(cli) if running(cli, t)], "a trial to run")

    def resumed(*signals):
        stop = cli.start("sweep", "stop", "latest")
        cli.wait(lambda: cli.json("sweep", "show", "latest")["stop_requested"], "the request")
        for number in signals:
            stop.send_signal(number)
        cli("sweep", "resume", "latest", "--trials", "3")
        return stop

    return sweep, resumed, (gate / "go").touch


def test_a_stop_that_a_resume_takes_back_waits_no_longer(cli, resumed_while_stopped):
    sweep, resumed, let_go_on = resumed_while_stopped
    stop = resumed()
    out, err = stop.communicate(timeout=30)
    assert stop.returncode == 1 and "was resumed meanwhile, and goes on" in err, out + err
    let_go_on()
    assert sweep.wait(60) == 0 and [t["state"] for t in results(cli)] == ["value"] * 3


def test_a_stop_that_finds_the_sweep_complete_says_so(cli, resumed_while_stopped):
    sweep, resumed, let_go_on = resumed_while_stopped
    stop = resumed(signal.SIGSTOP)  # sees nothing of all that comes now
    let_go_on()
    assert sweep.wait(60) == 0
    stop.send_signal(signal.SIGCONT)
    out, err = stop.communicate(timeout=30)
    assert stop.returncode == 0 and "has ended meanwhile: complete; " in err and "--trials N` adds trials to it" in err, out + err


# Says that it was told to end, and ends; goes on when it lives again.
TWO_LIVES = UNTIL_STOPPED + "[ -e $BATON_CHECKPOINT_DIR/told ] || { : > $BATON_CHECKPOINT_DIR/told; echo waits; wait_for_the_end; }\n" + SQUARE
POLITE = "preemption: {grace: 10s, signal: SIGURG}\n"


@pytest.mark.parametrize("by", ["SIGTERM", "a notice"])
def test_when_the_machine_goes_the_sweep_hands_over_and_goes_on_elsewhere(cli, by):
    sweep_spec(cli, TWO_LIVES, extra=POLITE)
    with Aws() as aws:
        there = dict(cli.env, BATON_AWS_METADATA=aws.url)
        cli.env, here = there, cli.env
        sweep = cli.start("sweep", "--trials", "2")
        cli.env = here
        cli.wait(lambda: len(trials_of(cli)) == 2, "two trials")
        for trial in trials_of(cli):
            cli.wait_for_output("waits", trial["job"])
        if by == "SIGTERM":
            sweep.send_signal(signal.SIGTERM)
        else:
            aws.interrupt(seconds=60)
        out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 75, out + err
    assert "is interrupted; `baton sweep resume" in err
    assert out.count("was preempted, goes on when the sweep does") == 2
    shown = cli.json("sweep", "show", "latest")
    assert (shown["state"], shown["abandoned"], shown["trials"]) == ("running", True, 2)
    before = results(cli)
    assert [cli.show(t["job"])["state"] for t in before] == ["pending"] * 2
    assert "was preempted" not in cli("sweep", "resume", "latest").stdout, "that is no news any more"
    after = results(cli)
    assert [(t["state"], t["attempts"]) for t in after] == [("value", 2)] * 2
    assert [t["job"] for t in after] == [t["job"] for t in before]


def test_no_more_trials_run_at_once_than_the_machine_has_processors_for(cli):
    processors = len(os.sched_getaffinity(0))
    sweep_spec(cli, UNTIL_STOPPED + "wait_for_the_end", extra=POLITE + f"resources: {{cpus: {processors / 2 + 0.1}}}\n")
    sweep = cli.start("sweep", "--set", "sweep.budget={time: 3s}", "--set", "sweep.trials=9")
    out, err = sweep.communicate(timeout=60)
    assert "this machine has room for 1 of 2 trials at once, by resources" in err
    assert sweep.returncode == 0 and len(results(cli)) == 1, out + err


def test_room_is_told_for_as_many_trials_as_are_wanted_now(cli):
    (cli.dir / "gate").mkdir()
    processors = len(os.sched_getaffinity(0))
    sweep_spec(cli, "[ $BATON_TRIAL = 3 ] && while [ ! -e /data/go ]; do sleep 0.05; done\n" + SQUARE,
               extra=f"data: {{/data: ./gate}}\nresources: {{cpus: {processors / 2 + 0.1}}}\n")
    assert "room" not in cli("sweep", "--trials", "1", "--parallel", "1").stderr
    assert "room for 1 of 3 trials at once" in cli("sweep", "resume", "latest", "--trials", "2", "--parallel", "3").stderr
    sweep = cli.start("sweep", "resume", "latest", "--trials", "3")
    cli.wait(lambda: [t for t in trials_of(cli)[2:] if running(cli, t)], "the third trial to run")
    assert "room for 1 of 7 trials at once" in cli("sweep", "resume", "latest", "--parallel", "7").stderr
    assert "room" not in cli("sweep", "resume", "latest", "--parallel", "1").stderr
    (cli.dir / "gate" / "go").touch()
    _, err = sweep.communicate(timeout=60)
    assert "room for 1 of 3 trials at once" in err, "the last that was asked for counts"
    assert "room" not in cli("sweep", "resume", "latest", "--trials", "4").stderr


# The example that docs/spec.md gives, with a program that reads its parameters from its environment.
WHOLE = """
acc=$(awk "BEGIN { print 0.9 - 0.1 * (log($BATON_PARAM_LR) / log(10) + 3) ^ 2 / 4 - 0.0001 * $BATON_PARAM_WIDTH }")
[ $BATON_PARAM_OPTIMIZER = adamw ] && acc=0.95
for step in 1 2 3; do
  [ $step = 2 ] && now=$acc || now=0.01
  echo "{\\"step\\": $step, \\"val_accuracy\\": $now, \\"momentum\\": ${BATON_PARAM_MOMENTUM:-0}}" >> $BATON_METRICS_FILE
done
"""


def test_the_whole_of_what_a_spec_can_say(cli):
    spec = cli.spec(WHOLE, name="cnn")
    spec.write_text(spec.read_text() + """
sweep:
  metric: {name: val_accuracy, goal: maximize, best: true}
  method: bayes
  trials: 60
  parallel: 4
  parameters:
    lr:        {min: 1e-5, max: 1e-1, scale: log}
    width:     {min: 16, max: 256, type: int, step: 16}
    optimizer: [sgd, adam, adamw]
    momentum:  {min: 0.5, max: 0.99, when: {optimizer: sgd}}
  stop_early: {after: 2, grace: 1}
  budget: {time: 6h, target: 0.93}
""")
    cli("sweep")
    shown = cli.json("sweep", "show", "cnn")
    assert shown["state"] == "target" and shown["best"]["value"] == 0.95 and shown["best"]["params"]["optimizer"] == "adamw"
    assert shown["closed"]["failed"] == 0
    done = [t for t in results(cli) if t["state"] == "value"]
    assert len(done) < 60
    for trial in done:
        lr, width, optimizer = (trial["params"][name] for name in ("lr", "width", "optimizer"))
        assert 1e-5 <= lr <= 0.1 and width in range(16, 257, 16) and isinstance(width, int)
        assert ("momentum" in trial["params"]) == (optimizer == "sgd")
        rows = [json.loads(line) for line in cli("metrics", trial["job"], "--json").stdout.splitlines()]
        assert trial["value"] == max(row["val_accuracy"] for row in rows) > rows[-1]["val_accuracy"], "the best one counts"
        assert rows[0]["momentum"] == trial["params"].get("momentum", 0)


def test_a_target_that_is_no_number_is_refused(cli):
    sweep_spec(cli)
    cli("sweep", "--trials", "1")
    for target in ("inf", "-inf", "nan", "1e999"):
        done = cli("sweep", "resume", "latest", "--trials", "2", f"--target={target}", check=2)
        assert "--target expects a number" in done.stderr
    assert len(results(cli)) == 1


def interrupted_sweep(cli, program="[ $BATON_TRIAL -gt 2 ] && sleep 60\necho \"{\\\"loss\\\": $BATON_PARAM_X}\" >> $BATON_METRICS_FILE"):
    """One whose process was killed when two of its trials had ended and others ran."""
    sweep_spec(cli, program, extra="preemption: {grace: 1s}\n")
    process = cli.start("sweep", "--trials", "6")
    cli.wait(lambda: len([t for t in trials_of(cli) if t["state"] == "value"]) == 2
             and [t for t in trials_of(cli) if t["state"] != "value" and running(cli, t)], "two trials done and another running")
    return process


def test_a_listing_knows_what_a_killed_process_said_last(cli):
    process = interrupted_sweep(cli)
    process.kill()
    process.wait()
    (line,) = cli.json("sweep", "ls")
    shown = cli.json("sweep", "show", "latest")
    assert line["abandoned"] and (line["closed"], line["trials"]) == (2, shown["trials"])
    assert line["best"] == shown["best"]["value"]
    for words in (["sweep", "ls"], ["ps"]):
        assert "2/6" in cli(*words).stdout
    cli("sweep", "stop", "latest")


def test_a_trial_that_its_sweep_still_wants_is_not_removed(cli):
    process = interrupted_sweep(cli)
    process.kill()
    process.wait()
    ended = next(t for t in trials_of(cli) if t["state"] == "value")
    wanted = next(t for t in trials_of(cli) if t["state"] != "value" and running(cli, t))
    said = cli("rm", wanted["job"], check=1).stderr
    assert f"is trial {wanted['trial']} of sweep" in said and "has not ended" in said and "baton sweep stop" in said, said
    cli("rm", ended["job"])
    cli("sweep", "stop", "latest")
    assert cli.show(wanted["job"])["state"] == "stopped"
    cli("rm", wanted["job"])
    assert "there is no job" in cli("show", wanted["job"], check=1).stderr


def test_a_sweep_with_a_trial_that_runs_is_not_removed_in_part(cli):
    process = interrupted_sweep(cli)
    process.kill()
    process.wait()
    trials = trials_of(cli)
    runs = next(t for t in trials if t["state"] != "value" and running(cli, t))
    sweep = cli.json("sweep", "ls")[0]["id"]
    said = cli("sweep", "rm", "latest", check=1).stderr
    assert f"trial {runs['trial']} of sweep {sweep} is running" in said and f"stop it first: baton sweep stop {sweep}" in said
    assert all(cli.show(t["job"])["state"] == "succeeded" for t in trials if t["state"] == "value")
    cli("sweep", "stop", "latest")
    again = cli.start("resume", runs["job"])  # by itself, though its sweep has ended
    cli.wait_for_state("running", runs["job"])
    assert f"stop it first: baton stop {runs['job']}" in cli("sweep", "rm", "latest", check=1).stderr
    cli("stop", runs["job"])
    again.wait(60)
    cli("sweep", "rm", "latest")
    assert cli.json("sweep", "ls") == [] == cli.json("ps", "--all")


def test_a_total_below_what_was_begun_is_refused(cli):
    process = interrupted_sweep(cli)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    begun = len(results(cli))
    said = cli("sweep", "resume", "latest", "--trials", "1", check=2).stderr
    assert f"--trials 1 is less than what sweep {cli.json('sweep', 'ls')[0]['id']} has begun already: {begun} trials" in said
    assert f"give more than {begun}" in said and cli.json("sweep", "show", "latest")["max_trials"] == 6


def test_a_closed_terminal_is_recorded_as_such(cli):
    process = interrupted_sweep(cli)
    process.send_signal(signal.SIGHUP)
    process.wait(60)
    assert cli.json("sweep", "show", "latest")["reason"] == "the terminal was closed"
    assert "terminal was closed" in cli.show(results(cli)[-1]["job"])["reason"]


def test_a_damaged_record_is_named(cli):
    sweep_spec(cli, name="c2")
    cli("sweep", "--trials", "1")
    sweep_spec(cli, name="c1")
    cli("sweep", "--trials", "1")
    (line,) = [one for one in cli.json("sweep", "ls") if one["name"] == "c1"]
    record = cli.dir / "home" / "store" / "sweeps" / line["id"] / "sweep.json"
    record.chmod(0o600)
    record.write_text("{")
    said = cli("sweep", "show", "c1", check=1).stderr
    assert f"the record of sweep {line['id']}" in said and "there is no sweep" not in said


def test_a_sweep_and_a_job_are_told_apart(cli):
    sweep_spec(cli, name="kk")
    cli("sweep", "--trials", "1")
    for command in ("show", "logs", "stop", "metrics", "rm"):
        said = cli(command, "kk", check=1).stderr
        assert "kk is a sweep, and no job" in said and "baton sweep show kk" in said, said
    for command in ("show", "results", "stop", "rm"):
        said = cli("sweep", command, "kk+1", check=1).stderr
        assert "kk+1 is a job, and no sweep" in said and "baton show kk+1" in said, said
    assert "there is no job \"zzz\"" in cli("show", "zzz", check=1).stderr


def test_a_value_for_what_is_searched_is_refused(cli):
    sweep_spec(cli)
    said = cli("sweep", "--set", "params.x=0.5", check=2).stderr
    assert "--set params.x gives x a value, but the sweep searches it" in said and "sweep.parameters.x=[0.5]" in said
    said = cli("sweep", "--set", "params={x: 0.5}", check=2).stderr
    assert "--set params gives x a value, but the sweep searches it" in said and "sweep.parameters.x=[0.5]" in said
    assert cli.json("sweep", "ls") == []
    cli("run", "--set", "params.x=0.5")
    cli("sweep", "--set", "sweep.parameters.x=[0.5]", "--trials", "1")
    assert results(cli)[0]["params"] == {"x": 0.5}


def test_one_is_one_trial(cli):
    spec = sweep_spec(cli)
    out = cli("sweep", "--trials", "1").stdout
    assert ": 1 trial by random" in out and "1/1 trial done" in out
    assert "with 1 known trial of sweep" not in out
    assert "begins with 1 known trial of sweep" in cli("sweep", spec, "--trials", "1", "--warm-from", "latest").stderr
    assert "is complete, with 1 trial\n" in cli("sweep", "resume", "latest", check=1).stderr


def test_a_parameter_that_nothing_mentions_is_marked_where_it_stands(cli):
    spec = sweep_spec(cli, parameters="{x: {min: 0, max: 1}, kind: [a, b]}")
    line = next(n for n, text in enumerate(spec.read_text().splitlines(), 1) if "kind" in text)
    said = cli("sweep", check=2).stderr
    assert f"baton.yaml:{line}:" in said and "sweep.parameters.kind is never used" in said
