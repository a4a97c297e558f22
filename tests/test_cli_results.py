"""What is delivered of a job's results, and `baton results`."""
import json
import os
import subprocess


def test_results_are_fetched_and_nothing_is_overwritten(cli):
    cli.spec("mkdir $BATON_RESULTS_DIR/sub; echo x > $BATON_RESULTS_DIR/sub/file; ln -s sub/file $BATON_RESULTS_DIR/link")
    cli("run")
    job = cli.show()["id"]
    assert cli("results", "latest").stdout.strip() == str(cli.dir / "results" / job)
    place = cli.dir / "copy"
    assert cli("results", "latest", "--to", place).stdout.strip() == str(place)
    assert (place / "sub" / "file").read_text() == "x\n" and os.readlink(place / "link") == "sub/file"
    (place / "sub" / "file").write_text("mine")
    assert "nothing is overwritten" in cli("results", "latest", "--to", place, check=1).stderr
    assert (place / "sub" / "file").read_text() == "mine"
    assert sorted(p.name for p in cli.dir.iterdir()) == ["baton.yaml", "code", "copy", "home", "results"]
    files = json.loads(cli("results", "latest", "--list", "--json").stdout)["files"]
    assert [(f["path"], f["kind"]) for f in files] == [("link", "symlink"), ("sub", "directory"), ("sub/file", "file")]
    (cli.dir / "empty").mkdir()
    cli("results", "latest", "--to", "empty")
    assert (cli.dir / "empty" / "sub" / "file").exists()


def test_links_that_lead_outside_are_not_among_the_results(cli):
    cli.spec("cd $BATON_RESULTS_DIR; echo x > a; ln -s a good; ln -s /etc/passwd bad; ln -s . d; ln -s d/d/d/../../../etc/passwd sly")
    done = cli("run", "-v")
    assert all(f"{name} is a symlink that points outside" in done.stderr for name in ("bad", "sly"))
    assert sorted(os.listdir(cli.dir / "results" / "latest")) == ["a", "d", "good"]
    fetched = cli("results", "latest", "--to", "copy")
    assert all(f"{name} is a symlink that points outside" in fetched.stderr for name in ("bad", "sly"))
    assert sorted(os.listdir(cli.dir / "copy")) == ["a", "d", "good"]


def test_what_is_no_metrics_file_is_not_followed_and_not_waited_for(cli):
    (cli.dir / "secret").write_text("of the machine")
    for put in (f"ln -s {cli.dir}/secret $BATON_METRICS_FILE", "mkfifo $BATON_METRICS_FILE"):
        cli.spec(f"rm -f $BATON_METRICS_FILE; {put}; echo x > $BATON_RESULTS_DIR/a")
        cli("run", timeout=60)
        assert os.listdir(cli.dir / "results" / "latest") == ["a"]


def test_results_that_cannot_be_delivered_are_told_with_what_to_do(cli):
    cli.spec("echo x > $BATON_RESULTS_DIR/a")
    (cli.dir / "results").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "tmpfs", cli.dir / "results"], check=True)
    try:
        done = cli("run", check=1)
    finally:
        subprocess.run(["umount", cli.dir / "results"], check=True)
    assert "No space left" in done.stderr and "\\x0a" not in done.stderr
    assert f"baton results {cli.show()['id']} --to DIR" in done.stderr
    assert cli.show()["state"] == "succeeded"
    cli("results", "latest", "--to", "there")
    assert (cli.dir / "there" / "a").read_text() == "x\n"


def test_results_of_a_job_without_a_commit(cli):
    cli.spec("exit 1")
    cli("run", check=1)
    done = cli("results", "latest", "--to", "there", check=None)
    # A job that failed may have committed what it left behind; then an empty directory is right.
    assert (done.returncode == 0) == bool(cli.show()["commits"])
