"""The command line itself: help, mistakes, completion, and what is printed where."""
import json
import os
import pty
import re
import select
import shutil
import subprocess

import pytest
from sweep_specs import sweep_spec

ESCAPE = "\x1b"
COMMANDS = ["init", "run", "submit", "ps", "show", "logs", "metrics", "results", "stop", "preempt", "resume", "rm",
            "image build", "image ls", "image rm", "store check", "store gc", "doctor", "completion", "version", "commit",
            "agent"]


def test_help_fits_a_screen_and_names_every_command(cli):
    text = cli("--help").stdout
    lines = text.rstrip("\n").split("\n")
    assert len(lines) <= 23 and max(map(len, lines)) <= 80
    for command in COMMANDS:
        if command not in ("commit", "agent"):
            assert re.search(rf"^  {command.split()[0]} ", text, re.MULTILINE), command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples(cli, command):
    text = cli(*command.split(), "--help").stdout
    assert f"usage: baton {command}" in text
    assert "\nexamples:\n  " in text


@pytest.mark.parametrize("words, message", [
    (["rnu"], "unknown command rnu; did you mean run?"),
    (["store", "chek"], "unknown command store chek; did you mean check?"),
    (["ps", "--jason"], "baton ps has no option --jason; did you mean --json?"),
    (["show"], "baton show needs JOB"),
    (["run", "--set"], "option --set needs a value"),
    (["ps", "extra"], "baton ps does not know what to do with extra"),
    (["run", "--set", "nonsense"], "nonsense"),
    (["logs", "x", "--attempt", "abc"], "--attempt needs a number from 1, not abc"),
    (["completion", "tcsh"], "tcsh"),
    (["ps", "--store", ""], "the value of --store is empty"),
    (["metrics", "x", "--csv", "--json"], "--csv and --json do not go together"),
    (["sweep", "shwo"], "did you mean baton sweep show?"),
    (["sweep", "resume", "x", "--trials", "5000000"], "expected a whole number from 1 to 1000000"),
])
def test_mistakes_are_usage_errors_of_one_sentence(cli, words, message):
    done = cli(*words, check=2)
    assert message in done.stderr and done.stdout == ""
    assert len(done.stderr.strip().split("\n")) <= 2
    assert not (cli.dir / "home").exists()


@pytest.mark.parametrize("words", [["show", "nothing"], ["logs", "x"], ["stop", "x"], ["rm", "x"], ["store", "check"]])
def test_reading_where_there_is_no_store_makes_none(cli, words):
    done = cli(*words, check=1)
    assert "there is no job yet" in done.stderr
    assert not (cli.dir / "home").exists()


def test_ps_of_nothing_is_empty(cli):
    assert cli.json("ps") == []
    assert cli("ps").stdout == ""


def test_a_named_store_that_is_none_is_told_of_in_a_pipe_too(cli):
    for words in (["ps"], ["sweep", "ls"], ["ps", "--json"]):
        done = cli(*words, "--store", cli.dir / "typo")
        assert f"nothing is stored at {cli.dir}/typo" in done.stderr
        assert cli(*words).stderr == "", "the default one is just empty yet"
    assert "nothing is stored at" in cli("ps", env=dict(cli.env, BATON_STORE=str(cli.dir / "typo"))).stderr


def test_an_unknown_job_gets_a_suggestion(cli):
    cli.spec(name="fashion")
    cli("run")
    done = cli("show", "fasion", check=1)
    assert "fasion" in done.stderr and "fashion" in done.stderr


def test_without_a_home_directory_the_variable_is_named(cli):
    env = {"PATH": os.environ["PATH"]}
    done = cli("ps", check=1, env=env)
    assert "BATON_HOME" in done.stderr


def test_nothing_piped_has_escape_codes(cli):
    cli.spec("echo '{\"step\": 1, \"loss\": 0.5}' >> $BATON_METRICS_FILE; echo out; echo err >&2; echo x > $BATON_RESULTS_DIR/x")
    run = cli("run")
    assert run.stdout == "out\n" and run.stderr == "err\n"
    for words in (["ps"], ["show", "latest"], ["logs", "latest"], ["metrics", "latest"], ["metrics", "latest", "--plot"],
                  ["results", "latest"], ["results", "latest", "--list"], ["store", "check"], ["store", "gc"],
                  ["image", "ls"], ["--help"]):
        done = cli(*words)
        assert ESCAPE not in done.stdout + done.stderr, words
        assert done.stderr == "", words
    assert ESCAPE not in cli("doctor", check=None).stdout


def test_verbose_says_what_happens_in_a_pipe_too_and_quiet_says_nothing(cli):
    cli.spec()
    said = cli("run", "--verbose").stderr
    assert "baton: job " in said and "succeeded" in said and "baton show" in said
    assert cli("run", "--quiet").stderr == ""


def in_terminal(cli, words, env=None):
    """Runs it on a pseudo terminal; returns all that it showed, and its exit status."""
    child, fd = pty.fork()
    if child == 0:
        os.chdir(cli.dir)
        os.execve(cli.binary, [cli.binary, *words], env or cli.env)
    shown = b""
    while True:
        ready, _, _ = select.select([fd], [], [], 60)
        assert ready, shown
        try:
            piece = os.read(fd, 65536)
        except OSError:
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(fd)
    _, status = os.waitpid(child, 0)
    return shown.decode(), os.waitstatus_to_exitcode(status)


def test_a_terminal_gets_colours_and_says_where_things_are(cli):
    cli.spec("echo out")
    shown, status = in_terminal(cli, ["run"])
    assert status == 0 and "out\r\n" in shown and "baton show" in shown and ESCAPE in shown
    shown, _ = in_terminal(cli, ["ps"])
    assert ESCAPE in shown and "succeeded" in shown


def test_csv_of_what_a_program_reported_does_not_steer_a_terminal(cli):
    cli.spec("""printf '{"\\\\u001b[2J": 1, "b": "\\\\u001b]0;x\\\\u0007"}\\n' >> $BATON_METRICS_FILE""")
    cli("run")
    shown, _ = in_terminal(cli, ["metrics", "latest", "--csv"])
    assert shown == "\\x1b[2J,b\r\n1,\\x1b]0;x\\x07\r\n"


def test_csv_of_trials_does_not_steer_a_terminal(cli):
    sweep_spec(cli, 'echo "{\\"loss\\": 1}" >> $BATON_METRICS_FILE; : $BATON_PARAM_X', parameters='{x: ["\\e[2J"]}')
    cli("sweep", "--set", "sweep.method=grid", "--trials", "1")
    shown, _ = in_terminal(cli, ["sweep", "results", "latest", "--csv"])
    assert "1,value,1.0,\\x1b[2J," in shown and "\x1b" not in shown
    assert "\x1b[2J" in cli("sweep", "results", "latest", "--csv").stdout


def test_no_color_and_dumb_terminals_get_none(cli):
    cli.spec("echo out")
    for change in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown, _ = in_terminal(cli, ["run"], dict(cli.env, **change))
        assert "\x1b[3" not in shown and "\x1b[2m" not in shown and "baton: job" in shown


def test_hostile_output_and_names_reach_the_terminal_only_from_the_program(cli):
    spec = cli.spec("printf '\\033[31mred\\n'")
    assert "\x1b[31mred" in cli("run", spec).stdout  # the program's own output is untouched
    assert ESCAPE not in cli("show", "la\x1b[31mtest", check=1).stderr
    bad = cli.dir / "bad.yaml"
    bad.write_text(spec.read_text() + 'data: {/data: "./\\e[31mnothing"}\n')
    assert ESCAPE not in cli("run", bad, check=None).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(cli, shell):
    script = cli("completion", shell).stdout
    assert "preempt" in script
    if not shutil.which(shell):
        return  # the text was checked; only the shell itself could check its syntax
    subprocess.run([shell, "-n"] if shell != "fish" else [shell, "--no-execute"], input=script, text=True, check=True)


def complete(cli, *words):
    """What bash would offer for the last word."""
    script = cli("completion", "bash").stdout + f"""
COMP_WORDS=({' '.join("'" + w + "'" for w in ("baton",) + words)}); COMP_CWORD={len(words)}
baton() {{ "{cli.binary}" "$@"; }}
_baton; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash"], input=script, env=cli.env, cwd=cli.dir, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completes_commands_options_and_jobs(cli):
    cli.spec()
    cli("run")
    job = cli.json("ps")[0]["id"]
    assert complete(cli, "pre") == ["preempt"]
    assert set(complete(cli, "store", "")) == {"check", "copy", "gc"}
    assert complete(cli, "ps", "--js") == ["--json"]
    assert complete(cli, "store", "check", "--sh") == ["--shallow"]
    assert complete(cli, "show", job[:10]) == [job]
    assert complete(cli, "store", "check", "co") == complete(cli, "store", "copy", "co") == complete(cli, "init", "co") == ["code"]
    assert "bash" in complete(cli, "completion", "")


def test_version(cli):
    assert re.fullmatch(r"baton \d+\.\d+\.\d+\n", cli("--version").stdout)
    assert cli.json("version")["store_format"] == 1


def test_doctor_names_the_home_directory(cli):
    report = json.loads(cli("doctor", "--json", check=None).stdout)
    assert report["home"] == str(cli.dir / "home")
    assert all(check["grade"] == "good" or check["fix"] for check in report["checks"])
    shown = cli("doctor", check=None).stdout
    assert report["home"] in shown and "✓" in shown
    assert report["ok"] == (cli("doctor", check=None).returncode == 0)


def without_programs(cli, *words):
    """baton where nothing is installed: an empty PATH, and empty directories over those that are always looked at."""
    empty = cli.dir / "empty"
    empty.mkdir(exist_ok=True)
    hide = f'mount --bind {empty} /usr/sbin; [ -L /sbin ] || mount --bind {empty} /sbin; PATH=/nowhere exec "$0" "$@"'
    return subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", hide, cli.binary, *map(str, words)],
                          env=cli.env, cwd=cli.dir, capture_output=True, text=True, timeout=60, check=False)


def test_doctor_tells_how_to_fix_what_is_missing(cli):
    done = without_programs(cli, "doctor")
    assert done.returncode == 1 and "fix: apt-get install crun" in done.stdout, done.stdout


@pytest.mark.parametrize("command", ["run", "submit"])
def test_without_a_runtime_no_job_is_made(cli, command):
    done = without_programs(cli, command, cli.spec("true"))
    assert done.returncode == 1
    assert "neither crun nor runc is installed" in done.stderr and "apt-get install crun" in done.stderr
    assert len(done.stderr.strip().split("\n")) <= 2
    assert not (cli.dir / "home").exists()


def test_commit_outside_of_a_container_is_refused(cli):
    assert "only inside a container" in cli("commit", check=1).stderr
