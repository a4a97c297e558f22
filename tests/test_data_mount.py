"""Buckets that rclone mounts: read-only, without anything secret on a command line, and gone afterwards whatever happens."""
import contextlib
import hashlib
import os
import subprocess

import pytest

from azurite import KEY, account_sas
from data_places import AzPlace, az_cloud, cloud, gcs, gs_cloud, place, s3, server  # noqa: F401  (fixtures)

def mounted(directory):
    return [line for line in open("/proc/self/mountinfo", encoding="utf-8") if str(directory) in line]


def rclones(directory):
    lines = []
    for pid in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode()
            if line.startswith("rclone ") and str(directory) in line:
                lines.append(line)
    return lines


FILES = {"a.txt": b"one\n", "deep/er/b.bin": os.urandom(300_000), "large.bin": os.urandom(20 << 20)}
SECRETS = ("not-to-be-seen", "AKIATEST", KEY, "sig=")


def mount(cli, url, program="true", more=""):
    return cli.spec(program, extra=f"data: {{/data: {{source: '{url}', mode: mount}}{more}}}\n")


def end_by_itself(cli, agent):
    (cli.dir / "go" / "on").touch()
    assert agent.wait(timeout=60) == 0


def end_killed(cli, agent):
    agent.kill()
    agent.wait()
    cli.wait(lambda: not rclones(cli.dir), "rclone's end")
    cli("store", "gc")


@pytest.mark.parametrize("end", [end_by_itself, end_killed])
def test_a_bucket_is_mounted(place, end):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("impossible here: no FUSE")
    cli = place.cli
    url = place.upload(FILES)
    program = """cat /data/a.txt /data/deep/er/b.bin /data/large.bin | sha256sum > $BATON_RESULTS_DIR/sums
touch /data/new 2>/dev/null && exit 9
echo up; while [ ! -e $BATON_PREEMPT_FILE ] && [ ! -e /go/on ]; do sleep 0.05; done"""
    (cli.dir / "go").mkdir()
    agent = cli.start("run", mount(cli, url, program, f", /go: {cli.dir}/go"))
    cli.wait_for_output("up")
    (line,) = rclones(cli.dir)
    assert not [secret for secret in SECRETS if secret in line], line
    assert mounted(cli.dir)
    end(cli, agent)
    if end is end_by_itself:
        sha = hashlib.sha256(b"".join(FILES.values())).hexdigest()
        assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text().split()[0] == sha
    assert not rclones(cli.dir) and not mounted(cli.dir)
    assert not list((cli.dir / "home" / "run").glob("*-1"))


def test_a_container_is_mounted_with_a_signature(az_cloud, server):
    """A shared access signature is as secret as a key; rclone names the whole address where it fails."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("impossible here: no FUSE")
    cli, place = az_cloud, AzPlace(az_cloud, server)
    url = place.upload({"a.txt": b"by signature"})
    del cli.env["AZURE_STORAGE_KEY"]
    cli.env["AZURE_STORAGE_SAS_TOKEN"] = account_sas("rl")
    cli.env["BATON_STORE"] = str(cli.dir / "store")
    cli("run", mount(cli, url, "cat /data/a.txt; tr '\\0' ' ' < /proc/$PPID/cmdline"))
    assert "by signature" in cli("logs", "latest").stdout
    failing = cli.dir / "bin" / "rclone"
    failing.parent.mkdir()
    failing.write_text("""#!/bin/sh
echo "Get \\"$RCLONE_CONFIG_BATON_SAS_URL&comp=list\\": refused" >&2; exit 1
""")
    failing.chmod(0o755)
    cli.env["PATH"] = f"{failing.parent}:{cli.env['PATH']}"
    done = cli("run", mount(cli, url), check=1)
    assert "rclone cannot mount az://" in done.stderr and "sig=…&comp=list" in done.stderr, done.stderr
    secret = cli.env["AZURE_STORAGE_SAS_TOKEN"].split("sig=")[1]
    written = [path.read_bytes() for path in cli.dir.rglob("*") if path.is_file()]
    assert secret not in done.stderr and not [text for text in written if secret.encode() in text]


def test_what_a_mount_needs_is_said_before_a_job_is_made(cloud, tmp_path):
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("crun", "sh", "fusermount3"):
        (bin_dir / name).symlink_to(subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip())
    if not os.path.exists("/usr/sbin/rclone"):
        done = cloud("run", mount(cloud, "s3://store/x"), check=1, env=dict(cloud.env, PATH=str(bin_dir)))
        assert "needs rclone, which is not installed" in done.stderr and "apt-get install rclone" in done.stderr
    done = cloud("run", mount(cloud, "az://x/store"), check=1)
    assert "data /data: " in done.stderr and "no name of a storage account" in done.stderr
    assert cloud("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")


def test_a_bucket_that_is_not_there(place):
    """rclone finds it out, and it is said in rclone's words."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("impossible here: no FUSE")
    cli = place.cli
    done = cli("run", mount(cli, place.root.replace("store", "no-such-bucket") + "/x"), check=1)
    assert "data /data: " in done.stderr and "no-such-bucket" in done.stderr
    assert not rclones(cli.dir) and not mounted(cli.dir)
