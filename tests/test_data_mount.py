"""Buckets that rclone mounts: read-only, without anything secret on a command line, and gone afterwards whatever happens."""
import contextlib
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from authority import make_authority
from azurite import KEY, account_sas, azurite
from data_places import AzPlace, az_cloud, cloud, gcs, gs_cloud, place, s3, server  # noqa: F401  (fixtures)
from fault_proxy import FaultProxy
from test_azure import token


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


def test_a_bucket_is_mounted_below_a_home_with_a_symbolic_link_in_its_path(place):
    if not os.path.exists("/dev/fuse"):
        pytest.skip("impossible here: no FUSE")
    cli = place.cli
    url = place.upload(FILES)
    (cli.dir / "disk").mkdir()
    (cli.dir / "home").symlink_to("disk")
    cli("run", mount(cli, url, "cat /data/a.txt"))
    assert not rclones(cli.dir) and not mounted(cli.dir)
    assert not list((cli.dir / "disk" / "run").glob("*-1"))


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


@pytest.mark.parametrize("may_delegate", [True, False])
def test_a_container_is_mounted_in_the_name_of_who_has_signed_on(az_cloud, tmp_path, may_delegate):
    """Debian's rclone knows no sign-on: baton has Azure make it a signature. The token is `az`'s, which is a stand-in; Azurite checks."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("impossible here: no FUSE")
    for name in ("authority", "bin", "server"):
        (tmp_path / name).mkdir()
    authority = make_authority(tmp_path / "authority", "IP:127.0.0.1")
    secret = token(1)
    told = {"accessToken": secret, "expires_on": int(time.time()) + 3600, "tokenType": "Bearer"}
    (tmp_path / "bin" / "az").write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/asked\nprintf %s '{json.dumps(told)}' | tr -d '\\n'\n")
    (tmp_path / "bin" / "az").chmod(0o755)
    with azurite(tmp_path / "server", authority / "server.crt", authority / "server.key") as server:
        place, cli = AzPlace(az_cloud, server), az_cloud
        url = place.upload({"a.txt": b"in my name"})
        refused = FaultProxy(server.url.rpartition("/")[0], lambda _n, method, *_: "AuthorizationPermissionMismatch:403" if method == "POST" else None)
        with contextlib.ExitStack() as stack:
            endpoint = server.url if may_delegate else f"{stack.enter_context(refused).url}/{server.url.rpartition('/')[2]}"
            del cli.env["AZURE_STORAGE_KEY"]
            cli.env.update(PATH=f"{tmp_path}/bin:{cli.env['PATH']}", SSL_CERT_FILE=str(authority / "ca.pem"),
                           AZURE_STORAGE_SERVICE_ENDPOINT=endpoint, BATON_STORE=str(cli.dir / "store"))
            done = cli("run", mount(cli, url, "cat /data/a.txt; touch /data/b || echo read-only"), check=0 if may_delegate else 1)
    if may_delegate:
        assert cli("logs", "latest").stdout.startswith("in my name") and "read-only" in cli("logs", "latest").stdout
    else:
        assert "may not ask" in done.stderr and "Storage Blob Delegator" in done.stderr and "mode: mount" in done.stderr, done.stderr
    assert "--resource https://storage.azure.com" in (tmp_path / "asked").read_text()
    written = [path.read_bytes() for path in cli.dir.rglob("*") if path.is_file() and path.name != "az"]
    assert not [text for text in written if secret.encode() in text or b"sig=" in text]


def test_what_a_mount_needs_is_said_before_a_job_is_made(cloud, tmp_path):
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for program in (shutil.which("crun"), shutil.which("sh"), shutil.which("fusermount3") or shutil.which("fusermount")):
        (bin_dir / Path(program).name).symlink_to(program)
    if not os.path.exists("/usr/sbin/rclone"):
        done = cloud("run", mount(cloud, "s3://store/x"), check=1, env=dict(cloud.env, PATH=str(bin_dir)))
        assert "needs rclone, which is not installed" in done.stderr and "apt-get install rclone" in done.stderr
    done = cloud("run", mount(cloud, "az://x/store"), check=2)
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
