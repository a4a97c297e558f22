"""Data from the web: single files, by ranges where the server takes them, pinned by what it tells of them."""
import contextlib
import hashlib
import http.server
import os
import re
import signal
import ssl
import time

import pytest

from authority import make_authority
from local_server import LocalServer


class Web(http.server.BaseHTTPRequestHandler):
    """One file at /f.bin, by ranges; /moved leads to it; /plain knows no ranges; /closed answers 403."""
    protocol_version = "HTTP/1.1"
    content, etag, asked, cut, elsewhere, pause = b"", '"1"', [], None, "/f.bin", 0

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        cls = type(self)
        cls.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", cls.elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path.startswith(("/closed", "/gone")):
            self.send_error(403 if "closed" in self.path else 404)
            return
        found = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        ranges = not self.path.startswith("/plain")
        data = cls.content
        if found and ranges:
            begin, end = int(found[1]), min(int(found[2]) + 1, len(cls.content))
            data = cls.content[begin:end]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(cls.content)}")
        else:
            self.send_response(200)
        if ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", cls.etag)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        if cls.cut is not None and found and int(found[1]) >= cls.cut:
            self.close_connection = True
            return
        with contextlib.suppress(ConnectionError):
            for begin in range(0, len(data), 256 << 10):
                self.wfile.write(data[begin:begin + (256 << 10)])
                time.sleep(cls.pause)

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    handler = type("OneWeb", (Web,), {"content": os.urandom(40 << 20), "asked": [], "cut": None})
    with LocalServer(handler) as server:
        handler.url = server.url
        handler.sha = hashlib.sha256(handler.content).hexdigest()
        yield handler


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"), "IP:127.0.0.1")


@pytest.fixture
def secure(web, authority):
    """The same file over TLS."""
    server = LocalServer(web)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True, do_handshake_on_connect=False)
    web.url = server.url.replace("http://", "https://")
    with server:
        yield web


def web_spec(cli, web, path, sha=None):
    pinned = f", sha256: {sha or web.sha}" if sha != "" else ""
    return cli.spec("sha256sum < /data/f.bin > $BATON_RESULTS_DIR/sums",
                    extra=f"data: {{/data/f.bin: {{source: '{web.url}{path}'{pinned}}}}}\n")


@pytest.mark.parametrize("path", ["/f.bin", "/moved", "/plain?x=1"])
def test_a_file_from_the_web(cli, web, path):
    cli("run", web_spec(cli, web, path))
    assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text().split()[0] == web.sha
    before = len(web.asked)
    cli("run", web_spec(cli, web, path))
    assert [a for a in web.asked[before:] if a[0] == "GET"] == []


def test_a_file_from_the_web_is_resumed_by_ranges(cli, web):
    web.cut = 32 << 20
    agent = cli.start("run", web_spec(cli, web, "/f.bin"))
    cache = cli.dir / "home" / "cache" / "data"
    cli.wait(lambda: sum(len(p.read_text().split()) // 2 for p in cache.glob("*.building/parts/*.done")) >= 2, "two parts")
    agent.kill()
    agent.wait()
    web.cut, before = None, len(web.asked)
    cli("resume", "latest")
    assert [a[2] for a in web.asked[before:] if a[0] == "GET"] == [f"bytes={32 << 20}-{(40 << 20) - 1}"]
    assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text().split()[0] == web.sha


def test_ctrl_c_ends_the_fetching_of_one_long_file(cli, web):
    """From a server without ranges, in one request."""
    web.pause = 0.2  # half a minute in all
    agent = cli.start("run", web_spec(cli, web, "/plain"))
    parts = cli.dir / "home" / "cache" / "data"
    cli.wait(lambda: any(p.stat().st_size for p in parts.glob("*.building/parts/*")), "its first bytes")
    agent.send_signal(signal.SIGINT)
    begin = time.monotonic()
    agent.wait(timeout=60)
    assert time.monotonic() - begin < 5
    assert "interrupted while data was fetched; what came is kept" in agent.stderr.read()
    web.pause = 0
    cli("resume", "latest")
    assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text().split()[0] == web.sha


def test_what_is_wrong_on_the_web_is_said_before_a_job_is_made(cli, web):
    for path, said in (("/gone", "does not exist"), ("/closed", "may not be read without logging in")):
        assert said in cli("run", web_spec(cli, web, path), check=1).stderr
    assert cli("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")
    done = cli("run", web_spec(cli, web, "/f.bin", sha="0" * 64), check=1)
    assert f"has the SHA-256 {web.sha}, and the spec says {'0' * 64}" in done.stderr


@pytest.mark.parametrize("path", ["/f.bin", "/moved", "/plain"])
def test_a_file_over_tls(cli, secure, authority, path):
    """By an authority that SSL_CERT_FILE names; no SHA-256 is asked for."""
    cli.env["SSL_CERT_FILE"] = str(authority / "ca.pem")
    cli("run", web_spec(cli, secure, path, sha=""))
    assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text().split()[0] == secure.sha


def test_a_certificate_that_nobody_has_signed_is_one_sentence(cli, secure, authority):
    done = cli("run", web_spec(cli, secure, "/f.bin", sha=""), check=1)
    said, *hint = done.stderr.splitlines()
    assert "data /data/f.bin" in said and "certificate" in said and "127.0.0.1" in said and len(hint) == 1, done.stderr
    cli.env["SSL_CERT_FILE"] = str(authority / "ca.pem")
    other = type(secure.__name__, (secure,), {"url": secure.url.replace("127.0.0.1", "localhost")})
    done = cli("run", web_spec(cli, other, "/f.bin", sha=""), check=1)  # signed, but for another name
    said = done.stderr.splitlines()[0]
    assert "certificate" in said and "localhost" in said, done.stderr
    assert secure.asked == []
    assert cli("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")


def test_no_way_leads_from_tls_to_the_clear(cli, secure, authority):
    cli.env["SSL_CERT_FILE"] = str(authority / "ca.pem")
    secure.elsewhere = secure.url.replace("https://", "http://") + "/f.bin"
    done = cli("run", web_spec(cli, secure, "/moved", sha=""), check=1)
    assert "leads from https:// to an address without protection" in done.stderr
