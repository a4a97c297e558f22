"""`baton metrics`: what a program reported, as a table, CSV, JSON and a picture."""
import csv
import io
import json


def test_metrics_as_table_csv_json_and_plot(cli):
    rows = [{"step": n, "loss": 1 / n, "note": 'a,"b"'} for n in range(1, 31)]
    (cli.dir / "data").mkdir()
    (cli.dir / "data" / "m").write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    cli.spec("cat /data/m >> $BATON_METRICS_FILE", extra="data: {/data: ./data}")
    cli("run")
    assert [json.loads(line) for line in cli("metrics", "latest", "--json").stdout.splitlines()] == rows
    read = list(csv.DictReader(io.StringIO(cli("metrics", "latest", "--csv").stdout)))
    assert [float(row["loss"]) for row in read] == [row["loss"] for row in rows] and read[0]["note"] == 'a,"b"'
    table = cli("metrics", "latest").stdout
    assert "10 earlier rows" in table and "step  loss" in table
    assert "note" not in cli("metrics", "latest", "--name", "loss").stdout
    assert "did you mean loss?" in cli("metrics", "latest", "--name", "los", check=1).stderr
    plot = cli("metrics", "latest", "--name", "loss", "--plot").stdout
    assert "loss" in plot and len(plot.splitlines()) > 5


def reported(cli, lines):
    """Runs a job that reports these lines."""
    (cli.dir / "data").mkdir()
    (cli.dir / "data" / "m").write_text("".join(line + "\n" for line in lines))
    cli.spec("cat /data/m >> $BATON_METRICS_FILE", extra="data: {/data: ./data}")
    cli("run")


def test_metrics_of_many_names_are_shown_at_once(cli):
    names = [f"m{n}" for n in range(85_000)]
    line = json.dumps(dict.fromkeys(names, 1), separators=(",", ":"))
    assert len(line) < 1 << 20
    reported(cli, [line] * 20 + ['{"m0":"' + "x" * (1 << 20) + '"}'])
    assert cli("metrics", "latest").stdout.split("\n")[0].split() == names
    assert cli("metrics", "latest", "--csv").stdout == ",".join(names) + "\n" + (",".join(["1"] * len(names)) + "\n") * 20


def test_metrics_of_odd_names_are_columns_and_no_formulas(cli):
    reported(cli, [json.dumps({"step": -1, "\x1b]0;x\a": 3, "=1+1": "@x", "diff": "-2+3", "low": "-Infinity"})])
    heading, row = cli("metrics", "latest").stdout.splitlines()
    assert heading.split() == ["step", "\\x1b]0;x\\x07", "=1+1", "diff", "low"]
    assert [row[heading.index(name):].split()[0] for name in heading.split()] == ["-1", "3", "@x", "-2+3", "-Infinity"]
    assert cli("metrics", "latest", "--csv").stdout == "step,\x1b]0;x\a,'=1+1,diff,low\n-1,3,'@x,'-2+3,-Infinity\n"


def test_an_unknown_metric_is_answered_with_those_there_are(cli):
    cli("run", cli.spec('echo "{\\"loss\\": 1, \\"accuracy\\": 2}" >> $BATON_METRICS_FILE'))
    assert "reported were" in (said := cli("metrics", "latest", "--name", "zzz", check=1).stderr) and "loss" in said and "accuracy" in said
    assert "did you mean loss?" in cli("metrics", "latest", "--name", "los", check=1).stderr


def test_metrics_too_large_to_plot_are_told_of(cli):
    cli("run", cli.spec('for v in 1e308 -1e308; do echo "{\\"loss\\": $v}" >> $BATON_METRICS_FILE; done'))
    assert "no number up to 1e300 to plot" in cli("metrics", "latest", "--plot").stdout
