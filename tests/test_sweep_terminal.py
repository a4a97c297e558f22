"""The live table of `baton sweep`, as a person sees it: on a pseudo terminal, played into a small model of a screen."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

from sweep_specs import SQUARE, results, running, sweep_spec, trials_of

SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Screen:
    """What a terminal of that size shows: text, newlines, moves up, erasures. Lines that are too long go on in the next row."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines, self.row, self.column = [""], 0, 0
        self.unknown = []

    def put(self, text):
        at = 0
        while at < len(text):
            found = SEQUENCE.match(text, at)
            if found:
                self.escape(found[1], found[2])
                at = found.end()
                continue
            self.character(text[at])
            at += 1

    def escape(self, number, letter):
        if letter == "A":
            top = max(0, len(self.lines) - self.rows)
            assert self.row - int(number) >= top, "it moves above the screen, where nothing can be drawn anew"
            self.row -= int(number)
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == "J":
            self.lines[self.row:] = [self.lines[self.row][:self.column]]
        elif letter != "m":
            self.unknown.append(number + letter)

    def character(self, one):
        if one == "\r":
            self.column = 0
        elif one == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            if self.column == self.columns:
                self.character("\n")
                self.column = 0
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + one + line[self.column + 1:]
            self.column += 1

    def resize(self, rows, columns):
        """As most terminals do it: lines that do not fit any more are broken anew."""
        broken = []
        for at, line in enumerate(self.lines):
            if at == self.row:
                self.row = len(broken)
            broken += [line[i:i + columns] for i in range(0, len(line), columns)] or [""]
        self.lines, self.rows, self.columns = broken, rows, columns

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines)


class Played:
    """A sweep on a terminal. Left by `with`, it is stopped if it runs still."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.fd is not None:
            os.kill(self.child, signal.SIGKILL)
            self.end()

    def __init__(self, cli, words, rows, columns, env=None):
        self.cli, self.screen = cli, Screen(rows, columns)
        self.shown = ""
        self.child, self.fd = pty.fork()
        if self.child == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(cli.dir)
            os.execve(cli.binary, [str(cli.binary), *words], env or cli.env)

    def read(self):
        """What came next; "" at the end."""
        ready, _, _ = select.select([self.fd], [], [], 60)
        assert ready, self.shown
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            piece = b""
        while piece and piece[-1] & 0x80 and not self.complete(piece):
            piece += os.read(self.fd, 1)
        text = piece.decode()
        self.shown += text
        self.screen.put(text)
        return text

    @staticmethod
    def complete(piece):
        try:
            piece.decode()
        except UnicodeDecodeError:
            return False
        return True

    def until(self, condition, what):
        """Reads on until condition(text of the screen) is true. A failed assertion in it counts as false: a picture may
        arrive in pieces, so that its head stands there before its rest does."""
        deadline = time.monotonic() + 60
        while True:
            try:
                if condition(self.screen.text()):
                    return
                reason = ""
            except AssertionError as failed:
                reason = failed
            assert time.monotonic() < deadline, f"no sight of: {what}\n{self.screen.text()}\n{reason}"
            assert self.read(), f"it ended before {what}:\n{self.screen.text()}\n{reason}"

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def end(self):
        while self.read():
            pass
        os.close(self.fd)
        self.fd = None
        _, status = os.waitpid(self.child, 0)
        return os.waitstatus_to_exitcode(status)


GATED = "while [ ! -e /data/$BATON_TRIAL ]; do sleep 0.05; done\n" + SQUARE


@pytest.fixture
def gate(cli):
    (cli.dir / "gate").mkdir()
    sweep_spec(cli, GATED, extra="data: {/data: ./gate}\n", name="square")
    return lambda *trials: [(cli.dir / "gate" / str(trial)).touch() for trial in trials]


@pytest.fixture
def play(cli):
    with contextlib.ExitStack() as stack:
        yield lambda *words: stack.enter_context(Played(cli, *words))


@pytest.mark.parametrize("rows, columns", [(24, 80), (40, 120), (24, 30), (6, 80)])
def test_the_table_tells_how_the_sweep_stands(play, gate, rows, columns):
    def stands(text):
        lines = text.splitlines()
        head = next((i for i, line in enumerate(lines) if line.startswith("3/5 trials done, 2 running")), None)
        assert head is not None
        assert re.match(r"best loss [0-9.e-]+  [▁▂▃▄▅▆▇█]{3}", lines[head + 1])
        assert all(len(line) < columns for line in lines[head:]) and len(lines[head:]) < rows
        if columns >= 80:
            assert re.search(r"trial [123]: x=0\.\d+", lines[head + 1]), "and with what"
        if rows >= 24:
            table = "\n".join(lines[head + 2:])
            assert table.split()[:2] == ["TRIAL", "STATE"]
            assert len(re.findall(r"^ +[45]  running", table, re.M)) == 2
            assert len(re.findall(r"^ +[123]  value +[0-9.e-]+", table, re.M)) == 3
        assert sum("trials done" in line for line in lines) == 1, "one table, drawn anew in its place"
        return True

    gate(1, 2, 3)
    played = play(["sweep"], rows, columns)
    played.until(stands, "a table of three trials done and two that run")
    gate(4, 5)
    assert played.end() == 0
    last = [line for line in played.screen.text().splitlines() if line]
    assert "complete; 5/5 trials done; best loss" in "".join(last)
    assert not any("running" in line or "TRIAL" in line for line in last), "the table is gone"
    assert played.screen.unknown == []


def test_the_table_shows_that_a_trial_was_preempted_and_runs_again(cli, play):
    (cli.dir / "gate").mkdir()
    program = ("while [ ! -e /data/go ]; do\n"
               "  [ -e $BATON_PREEMPT_FILE ] && { : > $BATON_CHECKPOINT_DIR/lived; exit 0; }\n  sleep 0.05\ndone\n" + SQUARE)
    sweep_spec(cli, program, extra="data: {/data: ./gate}\npreemption: {grace: 5s, signal: SIGURG}\n")
    played = play(["sweep", "--trials", "2"], 24, 80)
    cli.wait(lambda: len([t for t in trials_of(cli) if running(cli, t)]) == 2, "two trials that run")
    cli("preempt", results(cli)[0]["job"])
    played.until(lambda text: re.search(r"^0/2 trials done, 2 running, 1 preemption +\(sweep", text, re.M) and
                 re.search(r"^ +1  resumed ", text, re.M) and re.search(r"^ +2  running ", text, re.M),
                 "which of them was preempted")
    (cli.dir / "gate" / "go").touch()
    assert played.end() == 0
    assert results(cli)[0]["attempts"] == 2


def test_a_terminal_that_is_made_narrower_and_wider_keeps_one_table(play, gate):
    def one_table(text, done):
        return f"{done}/5 trials done, {5 - done} running" in text and all(
            text.count(part) == 1 for part in ("trials done", "TRIAL", "best loss"))

    played = play(["sweep", "--parallel", "5"], 30, 100)
    gate(1)
    played.until(lambda text: one_table(text, 1), "one trial is done")
    done = 1
    for rows, columns in ((30, 40), (30, 120), (12, 60)):
        played.resize(rows, columns)
        done += 1
        gate(done)
        played.until(lambda text, done=done: one_table(text, done), f"one table, in which {done} are done")
    gate(5)
    assert played.end() == 0


def test_no_colours_where_none_are_wanted_and_no_table_on_a_dumb_terminal(cli, play, gate):
    gate(1, 2, 3, 4, 5)
    played = play(["sweep"], 24, 80, dict(cli.env, NO_COLOR="1"))
    assert played.end() == 0 and not re.search(r"\x1b\[[0-9;]*m", played.shown)
    played = play(["sweep"], 24, 80, dict(cli.env, TERM="dumb"))
    assert played.end() == 0 and "\x1b" not in played.shown and played.shown.count("started: x=") == 5


def test_without_unicode_the_picture_is_plain(cli, play, gate):
    gate(1, 2, 3)
    played = play(["sweep"], 24, 80, dict(cli.env, LANG="C", LC_ALL="C"))
    played.until(lambda text: "3/5 trials done" in text and re.search(r"best loss [0-9.e-]+  [_.~=+*#-]{3}  trial", text),
                 "three trials are done")
    assert played.shown.isascii()
    gate(4, 5)
    assert played.end() == 0
