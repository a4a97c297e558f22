"""Stores in S3: the conformance suite against moto's server, and other people's tools on the other side."""
import hashlib
import os
import subprocess

import pytest

from moto_root import moto_server, request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="module")
def s3():
    """The URL of a server with one bucket, "store"."""
    if os.geteuid() != 0:
        pytest.skip("impossible here: without root there is no chroot for the server")
    with moto_server() as url:
        request("PUT", url + "/store")
        yield url


@pytest.fixture
def cloud(cli, s3, tmp_path):
    """A Cli whose store is a new prefix in the bucket, with keys in the environment and a home of its own."""
    home = tmp_path / "user"
    home.mkdir()
    cli.env = {k: v for k, v in cli.env.items() if not k.startswith(("AWS_", "RCLONE_"))}
    cli.prefix = "jobs/" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    cli.url = s3
    cli.env.update(HOME=str(home), AWS_ACCESS_KEY_ID="AKIATEST", AWS_SECRET_ACCESS_KEY="not-to-be-seen-anywhere",
                   AWS_REGION="us-east-1", AWS_ENDPOINT_URL=s3, BATON_STORE=f"s3://store/{cli.prefix}")
    yield cli


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_conformance(s3, baton_bin):
    binary = baton_bin.parent / "test_store"
    env = dict(os.environ, BATON_TEST_S3=s3)
    done = subprocess.run([binary, "--gtest_filter=Bucket/*", "--gtest_brief=1"], env=env, capture_output=True, text=True,
                          check=False, timeout=850)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "42 tests" in done.stdout or "PASSED" in done.stdout, done.stdout


def test_a_job_runs_with_its_store_in_a_bucket(cloud):
    spec = cloud.spec("echo hello; echo kept > $BATON_RESULTS_DIR/out.txt; echo '{\"step\": 1, \"loss\": 0.5}' >> $BATON_METRICS_FILE",
                      extra="results: ./results\n")
    done = cloud("run", spec)
    assert "hello" in done.stdout
    shown = cloud.show()
    assert shown["state"] == "succeeded"
    assert (cloud.dir / "results" / shown["id"] / "out.txt").read_text() == "kept\n"
    assert "hello" in cloud("logs", "latest").stdout
    check = cloud("store", "check")
    assert "s3://store/" in check.stdout + check.stderr
    assert not (cloud.dir / "home" / "store").exists()
