"""Trouble while a job runs: a full disk, odd file names, hostile links. Nothing that was committed is lost."""
import json
import os
import subprocess

import pytest

from test_preemption import Job


@pytest.fixture
def small_disk(tmp_path):
    """A filesystem of 24 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def job(baton_bin, tmp_path):
    def make(program, extra="", **env):
        job = Job(baton_bin, tmp_path, env)
        job.env.update(env)
        job.write(program, extra)
        return job

    return make


def test_full_disk_while_committing(job, small_disk):
    program = r"""
        if [ -f "$BATON_CHECKPOINT_DIR/good" ]; then echo "resumed with $(ls "$BATON_CHECKPOINT_DIR")"; exit 0; fi
        echo good > "$BATON_CHECKPOINT_DIR/good"; baton commit
        head -c 40000000 /dev/urandom > "$BATON_CHECKPOINT_DIR/big"
        if baton commit; then echo "commit said ok"; else echo "commit said no"; fi
        exit 0"""
    j = job(program, BATON_STORE=str(small_disk / "store")).start()
    assert j.end() == 75, j.said()
    assert "commit said no" in j.said()
    assert "No space left on device" in j.said() and "last one stays good" in j.said()
    assert j.show()["state"] in ("stopped", "pending")
    assert j.baton("store", "check").returncode == 0
    assert j.start("resume", "latest").end() == 0, j.said()
    assert "resumed with good" in j.said()


def test_names_that_are_not_utf8_come_back(job):
    program = r"""
        name=$(printf 'caf\351')
        if [ -f "$BATON_CHECKPOINT_DIR/$name" ]; then cat "$BATON_CHECKPOINT_DIR/$name"; cp "$BATON_CHECKPOINT_DIR/$name" "$BATON_RESULTS_DIR/"; exit 0; fi
        echo content > "$BATON_CHECKPOINT_DIR/$name"; baton commit; kill -9 $$"""
    j = job(program, "retries: 1").start()
    assert j.end() == 0, j.said()
    assert "content" in j.said()
    assert os.path.exists(os.fsencode(j.dir / "results" / "latest") + b"/caf\xe9")
    json.loads(j.baton("show", "latest", "--json").stdout)


def test_a_link_in_the_results_that_points_outside_is_not_delivered(job):
    j = job('ln -s /etc/passwd "$BATON_RESULTS_DIR/evil"; echo fine > "$BATON_RESULTS_DIR/good"').start()
    assert j.end() == 0, j.said()
    delivered = j.dir / "results" / "latest"
    assert (delivered / "good").read_text() == "fine\n"
    assert not os.path.lexists(delivered / "evil")
    assert "evil is a symlink that points outside" in j.said()


def test_a_metrics_file_replaced_by_a_link_tells_nothing(job, tmp_path):
    secret = tmp_path / "home" / "secret"
    program = 'rm -f "$BATON_METRICS_FILE"; ln -s /proc/1/environ "$BATON_METRICS_FILE"; sleep 2'
    j = job(program).start()
    assert j.end() == 0, j.said()
    assert not secret.exists()
    assert j.baton("metrics", "latest", "--json", check=False).stdout.count("PATH=") == 0


def test_two_agents_on_one_job(job):
    j = job("sleep 9; echo done").start()  # longer than the pause between two heartbeats
    while not _running(j):
        assert j.agent.poll() is None, j.said()
    second = j.baton("resume", "latest", check=False)
    assert second.returncode != 0
    assert "is running" in second.stderr or "runs on" in second.stderr, second.stderr
    assert j.end() == 0, j.said()


def _running(j):
    shown = j.baton("show", "latest", "--json", check=False)
    return shown.returncode == 0 and json.loads(shown.stdout)["state"] == "running"


@pytest.fixture
def exfat(tmp_path):
    """A real filesystem without hard links, as on a memory stick."""
    if os.geteuid() != 0:
        pytest.skip("impossible here: only root may mount filesystems")
    image, place = tmp_path / "exfat", tmp_path / "stick"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.exfat", image], check=True, capture_output=True)
    loop = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    try:
        subprocess.run(["mount.exfat-fuse", loop, place], check=True, capture_output=True)
        yield place
        subprocess.run(["umount", place], check=True)
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)


def test_a_store_on_a_filesystem_without_hard_links_is_refused(job, exfat):
    store = exfat / "store"
    j = job("echo never", BATON_STORE=str(store)).start()
    assert j.end() == 1
    said = j.said().strip().split("\n")
    assert "on a filesystem without hard links" in said[0] and "put the store on ext4" in said[1] and len(said) == 2, said
    assert os.listdir(exfat) == [], "nothing is changed"
    assert "cannot make a hard link" in j.baton("doctor", check=False).stdout
    assert os.listdir(exfat) == []
