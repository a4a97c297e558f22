"""moto's server, a stand-in for AWS, in a root filesystem of Debian trixie that is made once and kept.

    tests/moto_root.py            makes the root where it is missing, and prints its directory
    tests/moto_root.py --serve    serves on a free port of 127.0.0.1 until Ctrl-C
"""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SUITE = "trixie"
PACKAGES = ["python3-moto", "python3-flask", "python3-flask-cors", "python3-docker", "python3-xmltodict",
            "python3-werkzeug", "python3-boto3", "python3-openssl", "python3-openapi-spec-validator"]


# moto 5.1 looks for an object and writes it without a lock, so that of two conditional writes at once both may succeed. And in
# listings S3 encodes a space as a plus, which moto does not.
SERVE = """
import sys, threading, types, urllib.parse
import moto.s3.models, moto.s3.responses, moto.server
def encoded(text):
    return urllib.parse.quote_plus(text, safe="/")
moto.s3.models.FakeKey.safe_name = lambda key, kind=None: encoded(key.name) if kind == "url" else key.name
moto.s3.responses.urllib = types.SimpleNamespace(parse=types.SimpleNamespace(quote=encoded))
one_at_a_time, put_object = threading.Lock(), moto.s3.responses.S3Response.put_object
def put_alone(self):
    with one_at_a_time:
        return put_object(self)
moto.s3.responses.S3Response.put_object = put_alone
moto.server.main(sys.argv[1:])
"""


def debian_mirror():
    """The machine's own mirror of Debian, from its apt sources."""
    files = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    for file in files:
        text = file.read_text(errors="replace") if file.is_file() else ""
        for line in text.splitlines():
            found = re.match(r"(?:URIs:|deb\s+(?:\[.*?\]\s+)?)\s*(\S+/debian)/?(\s|$)", line.strip())
            if found:
                return found.group(1)
    return "http://deb.debian.org/debian"


def ensure_root():
    """The root's directory; made (some 80 s, 350 MB) when no earlier run has left it."""
    name = "moto-" + hashlib.sha256(" ".join([SUITE, *PACKAGES]).encode()).hexdigest()[:12]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "baton-tests"
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / name
    with open(cache / (name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return root
        partial = cache / (name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["mmdebstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), SUITE, str(partial),
                        debian_mirror()], check=True, stdin=subprocess.DEVNULL)
        partial.rename(root)
    return root


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def moto_server(log=subprocess.DEVNULL):
    """Yields the URL of a server with nothing in it; ends it afterwards. Needs root, for chroot(2)."""
    port = free_port()
    command = ["chroot", str(ensure_root()), "python3", "-c", SERVE, "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": "67108864"}
    server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(url + "/moto-api/", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError) as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"moto's server does not answer: {error}") from error
                time.sleep(0.1)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def request(method, url):
    """One plain request: moto takes anything that is signed by anybody, or by nobody."""
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as reply:
        return reply.read()


if __name__ == "__main__":
    if "--serve" in sys.argv:
        with moto_server(log=None) as address:
            print(address, flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    else:
        print(ensure_root())
