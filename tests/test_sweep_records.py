"""What `sweep results` and `sweep show` print of a sweep that has ended."""
import csv
import io
import json
import re

from sweep_specs import SQUARE, results, sweep_spec, trials_of


def rows_of(cli):
    text = cli("sweep", "results", "latest", "--csv").stdout
    return text.splitlines()[0].split(","), list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_lost_event_is_told_and_nothing_is_written_into_the_gap(cli):
    sweep_spec(cli)
    cli("sweep")
    events = sorted((cli.dir / "home" / "store" / "sweeps").glob("*/events/*.json"))
    lost, kept = events[2], events[2].read_text()
    lost.unlink()
    for command in (["show"], ["results"], ["plot"], ["resume", "--trials", "9"]):
        done = cli("sweep", command[0], "latest", *command[1:], check=1)
        assert "event 3 of sweep" in done.stderr and "is missing" in done.stderr and "store check" in done.stderr
    assert not lost.exists()
    lost.write_text(kept)
    cli("sweep", "resume", "latest", "--trials", "6")
    assert len(results(cli)) == 6


def test_csv_is_read_back_as_it_was_whatever_the_values_hold(cli):
    choices = ["plain", "a,b", 'say "hi"', "two\nlines", " spaces "]
    parameters = json.dumps({"kind": choices, "rate": {"choices": [0.5], "when": {"kind": "a,b"}}})
    sweep_spec(cli, 'echo "{\\"loss\\": 1}" >> $BATON_METRICS_FILE; : $BATON_PARAM_KIND $BATON_PARAM_RATE', parameters=parameters)
    cli("sweep", "--set", "sweep.method=grid")
    header, rows = rows_of(cli)
    assert header == ["trial", "state", "value", "kind", "rate", "job", "attempts", "ran_ms", "asked_at", "closed_at", "reason",
                      "last_step", "last_report"]
    assert sorted(row["kind"] for row in rows) == sorted(choices)
    assert {row["kind"]: row["rate"] for row in rows} == {kind: "0.5" if kind == "a,b" else "" for kind in choices}
    assert all(None not in row and None not in row.values() for row in rows), "as many fields as columns"


def test_csv_has_no_formulas(cli):
    parameters = json.dumps({"kind": ["=1+1", "@x", "-y"], "n": [-1.5]})
    sweep_spec(cli, 'echo "{\\"loss\\": -1}" >> $BATON_METRICS_FILE; : $BATON_PARAM_KIND $BATON_PARAM_N', parameters=parameters)
    cli("sweep", "--set", "sweep.method=grid")
    _, rows = rows_of(cli)
    assert sorted(row["kind"] for row in rows) == ["'-y", "'=1+1", "'@x"]
    assert {(row["value"], row["n"]) for row in rows} == {("-1.0", "-1.5")}


def test_parameters_named_like_columns_have_columns_of_their_own(cli):
    sweep_spec(cli, 'echo "{\\"loss\\": 0.25}" >> $BATON_METRICS_FILE\n: $BATON_PARAM_VALUE $BATON_PARAM_STATE $BATON_PARAM_JOB '
               "$BATON_PARAM_PARAMS_VALUE $BATON_PARAM_X",
               parameters="{value: [7], state: [s], job: [j], params.value: [v], x: [1]}")
    cli("sweep", "--set", "sweep.method=grid", "--trials", "1")
    header, (row,) = rows_of(cli)
    assert len(set(header)) == len(header)
    assert (row["value"], row["state"], row["job"]) == ("0.25", "value", results(cli)[0]["job"])
    assert (row["params.value"], row["params.state"], row["params.job"], row["x"]) == ("7", "s", "j", "1")
    assert row["params.params.value"] == "v"


def test_a_condition_on_zero_where_steps_pass_through_it(cli):
    spec = sweep_spec(cli, SQUARE + ": $BATON_PARAM_Y",
                      parameters="{x: {min: -0.3, max: 0.3, step: 0.1}, y: {choices: [1, 2], when: {x: 0}}}")
    spec.write_text(spec.read_text().replace("method: random\n  trials: 5", "method: grid\n  trials: 20"))
    cli("sweep", str(spec))
    assert [trial["params"] for trial in results(cli) if "y" in trial["params"]] == [{"x": 0.0, "y": 1}, {"x": 0.0, "y": 2}]
    assert cli.json("sweep", "show", "latest")["state"] == "complete"
    assert "5.55" not in cli("sweep", "plot", "latest", "--to", "-").stdout


def test_values_that_do_not_differ_are_explained_by_nothing(cli):
    sweep_spec(cli, ': $BATON_PARAM_X; echo "{\\"loss\\": 0.7}" >> $BATON_METRICS_FILE')
    cli("sweep", "--trials", "5")
    assert "no parameter explains any of the value's variation" in cli("sweep", "show", "latest").stdout
    assert cli.json("sweep", "show", "latest")["importance"] == {}
    assert '"share"' not in cli("sweep", "plot", "latest", "--to", "-").stdout


def test_show_draws_the_course_of_the_best_value_and_what_matters(cli):
    program = 'echo "{\\"loss\\": $(awk "BEGIN { print 10 * $BATON_PARAM_X + 0.01 * $BATON_PARAM_NOISE }")}" >> $BATON_METRICS_FILE'
    sweep_spec(cli, program, parameters="{x: [9, 7, 8, 5, 3], noise: [1, 2, 3, 4]}")
    cli("sweep", "--set", "sweep.method=grid", "--trials", "20", "--parallel", "1")
    shown = cli("sweep", "show", "latest").stdout
    values = [t["value"] for t in results(cli)]
    course = re.search(r"best value over time: (\S+)  (\S+) → (\S+)", shown)
    assert len(course[1]) == 20 and set(course[1]) <= set("▁▂▃▄▅▆▇█")
    assert (course[1][0], course[1][-1]) == ("█", "▁") and list(course[1]) == sorted(course[1], reverse=True)
    assert (float(course[2]), float(course[3])) == (values[0], min(values))
    bars = {name: (int(share), len(bar)) for name, share, bar in re.findall(r"^  (\w+) +(\d+)%  (█*)$", shown, re.M)}
    shares = cli.json("sweep", "show", "latest")["importance"]
    assert list(bars) == ["x", "noise"] == list(shares) and shares["x"] > 0.8
    assert all(share == round(100 * shares[name]) and bar == round(30 * shares[name]) for name, (share, bar) in bars.items())
    plain = cli("sweep", "show", "latest", env=dict(cli.env, LANG="C", LC_ALL="C")).stdout
    assert re.search(r"^  x +\d+%  #+$", plain, re.M) and not set("▁▂▃▄▅▆▇█") & set(plain)
    best = re.findall(r"^ *(\d+) +([\d.]+) ", shown.split("PARAMETERS")[1], re.M)
    assert [float(value) for _, value in best] == sorted(values)[:10]


def test_of_equal_trials_the_one_that_ended_first_is_the_best_everywhere(cli):
    (cli.dir / "gate").mkdir()
    sweep_spec(cli, "[ $BATON_TRIAL = 1 ] && while [ ! -e /data/go ]; do sleep 0.05; done\n"
               'echo "{\\"loss\\": 1}" >> $BATON_METRICS_FILE; : $BATON_PARAM_X',
               extra="data: {/data: ./gate}\n")
    sweep = cli.start("sweep", "--trials", "3")
    cli.wait(lambda: [t["state"] for t in trials_of(cli)[1:]] == ["value"] * 2, "the other trials' end")
    (cli.dir / "gate" / "go").touch()
    assert sweep.wait(60) == 0
    shown = cli("sweep", "show", "latest").stdout
    assert "best loss 1, trial 2: " in shown and cli.json("sweep", "show", "latest")["best"]["trial"] == 2
    assert [int(n) for n in re.findall(r"^ *(\d+) ", shown.split("PARAMETERS")[1], re.M)] == [2, 1, 3]
