"""Images as users meet them: made without root, with progress on a terminal and none in a pipe, and removed when nothing needs them."""
import fcntl
import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

USER = 65534
ESCAPE = "\x1b"


def canonical(record):
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def put_image(cli, package):
    """An image as docs/images.md describes it, with nothing in it; returns its record and id."""
    record = {"form": "debian", "suite": "bookworm", "architecture": "amd64", "packages": {package: "1"}}
    name = hashlib.sha256(canonical(record).encode()).hexdigest()
    place = cli.dir / "home/images" / name
    (place / "root").mkdir(parents=True)
    (place / "record.json").write_text(json.dumps(record))
    (place / "info.json").write_text(json.dumps({"size": 1, "created_ms": 1, "owner": "root" if os.geteuid() == 0 else "user"}))
    for empty in ("lock", "used"):
        (place / empty).touch()
    return record, name


def images(cli):
    return {image["id"] for image in cli.json("image", "ls")}


def use_in_latest(cli, record):
    """Makes the newest job one of that image."""
    path = cli.dir / "home/store/jobs" / cli.show()["id"] / "job.json"
    path.write_text(json.dumps(dict(json.loads(path.read_text()), image=record)))


def test_unused_images_are_removed_and_no_others(cli):
    (waiting, waits), (done, finished), (_, running), (_, free) = (put_image(cli, name) for name in "abcd")
    cli.start("run", cli.spec("echo started; sleep 100", name="stopped"))
    cli.wait_for_output("started")
    cli("stop", "latest")
    use_in_latest(cli, waiting)
    cli("run", cli.spec("true", name="finished"))
    use_in_latest(cli, done)
    assert images(cli) == {waits, finished, running, free}
    with open(cli.dir / "home/images" / running / "lock", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # as the agent of a container does
        cli("image", "rm", "--unused")
    assert images(cli) == {waits, running}, "what a stopped job and a running container need is left"
    cli("image", "rm", "--unused")
    assert images(cli) == {waits}


def test_nothing_is_removed_while_a_job_cannot_be_read(cli):
    _, free = put_image(cli, "a")
    cli.start("run", cli.spec("echo started; sleep 100"))
    cli.wait_for_output("started")
    cli("stop", "latest")
    (cli.dir / "home/store/jobs" / cli.show()["id"] / "job.json").write_text("{")
    assert cli("image", "rm", "--unused", check=1).stderr
    assert images(cli) == {free}


@pytest.mark.parametrize("words", [["image", "rm"], ["image", "rm", "--unused", "abc"]])
def test_what_to_remove_is_said_in_one_way(cli, words):
    assert "needs either IMAGE or --unused" in cli(*words, check=2).stderr


class Unprivileged:
    """A user of this machine without rights but a range of subordinate ids, in a directory of its own."""

    def __init__(self, binary):
        self.dir = Path(tempfile.mkdtemp(prefix="baton-user-"))
        self.dir.chmod(0o755)
        self.binary = self.dir / "baton"
        shutil.copy(binary, self.binary)
        self.home = self.dir / "home"
        self.home.mkdir()
        (self.dir / "subids").write_text("nobody:100000:65536\n")
        (self.home / "baton.yaml").write_text("name: hello\nimage: {debian: bookworm, packages: [hello]}\n"
                                              "command: 'hello; id -u; echo x > $BATON_RESULTS_DIR/x'\n")
        for path in (self.home, self.home / "baton.yaml"):
            os.chown(path, USER, USER)

    def words(self, *words):
        ids = self.dir / "subids"
        script = (f"touch /etc/subuid /etc/subgid; mount --bind {ids} /etc/subuid && mount --bind {ids} /etc/subgid && "
                  f'cd {self.home} && exec setpriv --reuid={USER} --regid={USER} --clear-groups "$0" "$@"')
        return ["unshare", "--mount", "sh", "-c", script, str(self.binary), *words]

    @property
    def env(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "BATON_HOME": str(self.home / "baton"), "TERM": "xterm",
                "LANG": "C.UTF-8"}

    def piped(self, *words):
        return subprocess.run(self.words(*words), env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)

    def on_a_terminal(self, *words):
        child, fd = pty.fork()
        if child == 0:
            os.execvpe("unshare", self.words(*words), self.env)
        shown = b""
        while True:
            ready, _, _ = select.select([fd], [], [], 300)
            assert ready, shown
            try:
                piece = os.read(fd, 65536)
            except OSError:  # the other side is closed
                piece = b""
            if not piece:
                break
            shown += piece
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode(errors="replace")

    def remove(self):
        # Files of subordinate ids, too.
        shutil.rmtree(self.dir)


@pytest.fixture
def user(baton_bin):
    if os.geteuid() != 0:
        pytest.skip("impossible here: only root may become another user")
    one = Unprivileged(baton_bin)
    yield one
    one.remove()


@pytest.mark.slow  # makes an image, twice
def test_a_user_without_root_makes_an_image_and_runs_in_it(user):
    status, shown = user.on_a_terminal("image", "build")
    assert status == 0, shown
    # With a near mirror the lists and the downloads are there before a bar for them is drawn.
    for part in (ESCAPE, "\r", "installing packages", "packages of", "[===", "made: "):
        assert part in shown, shown
    removed = user.piped("image", "rm", "--unused")
    assert removed.returncode == 0 and user.piped("image", "ls", "--ids").stdout == ""
    ran = user.piped("run")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "Hello, world!\n0\n", "container root is the user"
    assert ESCAPE not in ran.stderr and "\r" not in ran.stderr
    assert len(ran.stderr.splitlines()) <= 8, ran.stderr
    assert next((user.home / "results").glob("2*/x")).stat().st_uid == USER
    assert not list((user.home / "baton/run").glob("2*")), "nothing is left of the run"
