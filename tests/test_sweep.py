"""`baton sweep`: trials are jobs, and neither is lost nor run twice, whatever is killed."""
import csv
import io
import json
import os
import signal

import pytest

from sweep_specs import SQUARE, results, running, sweep_spec, trials_of


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


@pytest.mark.parametrize("words, message", [
    (["--trials", "0"], '--trials 0: sweep.trials is "0", expected a whole number from 1 to 1000000'),
    (["--parallel", "x"], '--parallel x: sweep.parallel is "x", expected a whole number from 1 to 10000'),
    (["--name", "A"], '--name "A": name is "A"'),
])
def test_an_option_is_named_as_it_was_typed(cli, words, message):
    sweep_spec(cli)
    said = cli("sweep", *words, check=2).stderr
    assert said.startswith("baton: " + message) and "--set" not in said


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
    for total in ("3", "2"):
        assert "give more than 3" in cli("sweep", "resume", "latest", "--trials", total, check=1).stderr
    assert "the total, more than 3" in cli("sweep", "stop", "latest", check=1).stderr
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
    assert "is no help for this one: it minimizes loss, and this one minimizes other" in refused.stderr
    bare = cli.spec("echo $BATON_PARAM_X", where="bare")
    bare.write_text(bare.read_text() + "sweep: {method: random, trials: 1, parameters: {x: {min: 0, max: 1}}}\n")
    cli("sweep", bare)
    refused = cli("sweep", spec, "--warm-from", "latest", check=1)
    assert "is no help for this one: it has no metric, and this one minimizes loss" in refused.stderr
    assert "it has no metric, and this one has no metric" in cli("sweep", bare, "--warm-from", "latest", check=1).stderr


def test_budgets_end_a_sweep(cli):
    sweep_spec(cli)
    cli("sweep", "--trials", "50", "--set", "sweep.budget={target: 0.2}")
    show = cli.json("sweep", "show", "latest")
    assert show["state"] == "target" and show["trials"] < 50
    sweep_spec(cli, ": $BATON_PARAM_X; sleep 60", extra="preemption: {grace: 0s}\n")
    cli("sweep", "--set", "sweep.budget={time: 1s}")
    assert cli.json("sweep", "show", "latest")["state"] == "time"


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
