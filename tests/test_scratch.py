"""The binary needs nothing from the image it runs in: names are looked up and TLS works in an image made FROM scratch."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from authority import make_authority

HOST = "made-up.baton.test"
WORLD = Path(__file__).with_name("scratch_world.py")
NAMESPACES = ["unshare", "--map-root-user", "--net", "--mount", "--fork", "--kill-child"]


@pytest.fixture(scope="module", autouse=True)
def namespaces():
    if subprocess.run(NAMESPACES + ["true"], capture_output=True).returncode != 0:
        pytest.skip("impossible here: this machine lets us make no namespaces: run as root, or allow unprivileged user namespaces")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"), f"DNS:{HOST}")


@pytest.fixture
def scratch(tmp_path, baton_bin, authority):
    """A root filesystem with nothing but the binary and what a container engine adds."""
    root = tmp_path / "root"
    for directory in ("proc", "dev", "etc"):
        (root / directory).mkdir(parents=True)
    shutil.copy(baton_bin, root / "baton")
    (root / "etc" / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    shutil.copy(authority / "ca.pem", root / "ca.pem")
    return root


def run_in(scratch, authority, url, *variables):
    words = [sys.executable, str(WORLD), str(scratch), url, str(authority / "server.pem"), *variables]
    done = subprocess.run(NAMESPACES + words, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_looks_up_a_name_and_speaks_tls(scratch, authority):
    status, said = run_in(scratch, authority, f"https://{HOST}/page", "SSL_CERT_FILE=/ca.pem")
    assert (status, said.get("status"), said.get("body_bytes")) == (0, 200, 13000), said
    assert said["addresses"] == ["127.0.0.1"]


def test_embedded_roots_do_not_trust_a_made_up_authority(scratch, authority):
    status, said = run_in(scratch, authority, f"https://{HOST}/page")
    assert (status, said.get("code")) == (1, "denied"), said


def test_another_hosts_certificate_is_refused(scratch, authority):
    status, said = run_in(scratch, authority, "https://other.baton.test/page", "SSL_CERT_FILE=/ca.pem")
    assert (status, said.get("code")) == (1, "denied"), said


def test_hosts_file_comes_before_the_name_server(scratch, authority):
    (scratch / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n127.0.0.2 {HOST}\n")
    (scratch / "etc" / "resolv.conf").unlink()
    status, said = run_in(scratch, authority, f"https://{HOST}/page", "SSL_CERT_FILE=/ca.pem")
    assert said.get("addresses", ["127.0.0.2"]) == ["127.0.0.2"]
    assert (status, said.get("code")) == (1, "transient"), said  # nobody listens there


def test_binary_asks_for_no_loader(baton_bin):
    """No PT_INTERP and no PT_DYNAMIC program header: the kernel alone can start it."""
    data = baton_bin.read_bytes()
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    kinds = {struct.unpack_from("<I", data, offset + i * size)[0] for i in range(count)}
    assert data[:4] == b"\x7fELF" and not kinds & {2, 3}


def test_release_binary_is_small(baton_bin):
    if os.environ.get("BATON_BIN"):
        pytest.skip("impossible here: BATON_BIN names another build than the release")
    assert baton_bin.stat().st_size <= 16 << 20
