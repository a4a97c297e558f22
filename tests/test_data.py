"""Data from buckets and from the web: fetched once, pinned, taken up again, bounded, and never half there."""
import base64
import contextlib
import hashlib
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import threading
import urllib.request

import pytest

from fault_proxy import FaultProxy
from test_s3 import aws, cloud, s3  # noqa: F401  (fixtures)


def plain(method, url, content=None, headers=None):
    """A request to moto, which asks who it is and does not look at the signature."""
    known = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIATEST/20261122/us-east-1/s3/aws4_request, "
                              "SignedHeaders=host, Signature=0", "Content-Type": "application/octet-stream"}
    return urllib.request.Request(url, content, {**known, **(headers or {})}, method=method)


def upload(cloud, files, prefix="set"):
    """Puts {name: bytes} below s3://store/PREFIX of the test; returns the URL."""
    place = cloud.dir / "upload"
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    aws(cloud, "s3", "sync", "--quiet", str(place), f"s3://store/{cloud.prefix}-{prefix}")
    return f"s3://store/{cloud.prefix}-{prefix}"


def spec(cloud, source, program="find /data -type f | sort | xargs sha256sum > $BATON_RESULTS_DIR/sums", where=""):
    return cloud.spec(program, extra=f"data: {{/data: {source}}}\n", where=where)


def sums(cloud, job="latest"):
    job = cloud.show(job)["id"]
    (path,) = cloud.dir.glob(f"**/results/{job}/sums")
    return {line.split()[1]: line.split()[0] for line in path.read_text().splitlines()}


def expected(files):
    return {f"/data/{name}": hashlib.sha256(content).hexdigest() for name, content in files.items()}


FILES = {"a.txt": b"one\n", "deep/er/b.bin": os.urandom(300_000), "large.bin": os.urandom(40 << 20), "empty": b"",
         "name with spaces & ümläut+%.txt": b"odd\n"}


@contextlib.contextmanager
def behind(cloud, proxy):
    """Everything that baton does meanwhile goes through the proxy."""
    cloud.env["AWS_ENDPOINT_URL"] = proxy.url
    try:
        yield
    finally:
        cloud.env["AWS_ENDPOINT_URL"] = cloud.url


@contextlib.contextmanager
def counting(s3, plan=lambda *_: None):
    """A proxy that notes which objects were read: `proxy.read[path]` is how often."""
    def note(number, method, path, headers):
        if method == "GET" and "list-type" not in path:
            proxy.read[path] = proxy.read.get(path, 0) + 1
        return plan(number, method, path, headers)

    proxy = FaultProxy(s3, note)
    proxy.read = {}
    with proxy:
        yield proxy


def test_a_bucket_is_fetched_once_and_read_only(cloud, s3):
    url = upload(cloud, FILES)
    program = """find /data -type f | sort | tr '\\n' '\\0' | xargs -0 sha256sum > $BATON_RESULTS_DIR/sums
touch /data/a.txt /data/new 2>/dev/null && exit 9
exit 0"""
    with counting(s3) as proxy:
        env = dict(cloud.env, AWS_ENDPOINT_URL=proxy.url)
        cloud("run", spec(cloud, url, program), env=env)
        first = len([path for path in proxy.read if "-set/" in path])
        assert first == 4, proxy.read  # an empty file needs no request
        cloud("run", spec(cloud, url, program), env=env)
        assert sum(n for path, n in proxy.read.items() if "-set/a.txt" in path) == 1
    (path,) = cloud.dir.glob(f"results/{cloud.show()['id']}/sums")
    got = {line[66:]: line[:64] for line in path.read_text().splitlines()}
    assert got == expected(FILES)
    assert "5 files with" in cloud("show", "latest").stdout


def test_one_object(cloud):
    url = upload(cloud, {"deep/one.bin": b"just this one"})
    cloud("run", cloud.spec("cat /data/x.bin > $BATON_RESULTS_DIR/sums", extra=f"data: {{/data/x.bin: {url}/deep/one.bin}}\n"))
    assert (cloud.dir / "results" / cloud.show()["id"] / "sums").read_text() == "just this one"
    done = cloud("run", spec(cloud, url + "/nothing"), check=1)
    assert "there is nothing at" in done.stderr
    assert len(cloud.json("ps", "-a")) == 1  # no job was made


def test_fetching_goes_on_where_it_was_cut_off(cloud, s3):
    """Killed in the middle: whole files and whole parts of large ones are not fetched again."""
    files = {f"f{i:02}": os.urandom(100_000) for i in range(30)} | {"large": os.urandom(100 << 20)}
    url = upload(cloud, files)
    gate = threading.Event()

    def plan(number, method, path, headers):
        if "-set/large" in path and method == "GET" and not gate.is_set():
            begin = int(re.match(r"bytes=(\d+)", headers["Range"])[1])
            return "drip:200" if begin >= 48 << 20 else None
        return None

    with counting(s3, plan) as proxy, behind(cloud, proxy):
        agent = cloud.start("run", spec(cloud, url))
        cache = cloud.dir / "home" / "cache" / "data"
        cloud.wait(lambda: sum(len(p.read_text().splitlines()) for p in cache.glob("*.building/parts/*.done")) >= 2
                   and len(list(cache.glob("*.building/tree/f*"))) == 30, "half of the data")
        agent.kill()
        agent.wait()
        gate.set()
        before = dict(proxy.read)
        cloud("resume", "latest")
        again = {path: n - before.get(path, 0) for path, n in proxy.read.items() if n > before.get(path, 0)}
    assert [path for path in again if "-set/f" in path] == []
    assert sums(cloud) == expected(files)
    assert 1 <= sum(n for path, n in again.items() if "-set/large" in path) <= 5, again
    assert not list(cache.glob("*.building"))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize("kind", ["reset_reply", "truncate", "corrupt"])
def test_faults_in_the_middle_of_a_download(cloud, s3, kind):
    """Resets and ends at every class of offset (head, its end, first byte, middle, last byte of the body), and turned bits."""
    files = {f"f{i}": os.urandom(20_000 if kind == "corrupt" else 200_000) for i in range(6)}
    if kind == "corrupt":  # what was stored with a checksum is compared with it
        for name, content in files.items():
            headers = {"x-amz-meta-baton-crc32c": base64.b64encode(struct.pack(">I", crc32c(content))).decode()}
            put = plain("PUT", f"{s3}/store/{cloud.prefix}-set/{name}", content, headers)
            urllib.request.urlopen(put, timeout=60).close()
        url = f"s3://store/{cloud.prefix}-set"
    else:
        files["large"] = os.urandom(20 << 20)
        url = upload(cloud, files)
    hit = {}

    def plan(_number, method, path, _headers):
        if method != "GET" or "-set/" not in path or "list-type" in path:
            return None
        turn = hit[path] = hit.get(path, 0) + 1
        offsets = [0, 1, 17, 400, 700, 100_000, 200_000]
        if turn > len(offsets) or (kind == "corrupt" and turn > 2):
            return None
        return f"{kind}:{offsets[turn - 1]}"

    with FaultProxy(s3, plan) as proxy:
        cloud("run", spec(cloud, url), env=dict(cloud.env, AWS_ENDPOINT_URL=proxy.url))
        assert proxy.seen[kind] >= 8
    assert sums(cloud) == expected(files)


def test_data_that_changed_is_told(cloud, tmp_path):
    url = upload(cloud, {"a": b"1", "b": b"2"})
    agent = cloud.start("run", spec(cloud, url, "cat /data/a; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"))
    cloud.wait_for_output("1")
    cloud("stop", "latest")
    agent.wait(timeout=60)
    upload(cloud, {"b": b"changed"})
    elsewhere = dict(cloud.env, BATON_HOME=str(tmp_path / "elsewhere"))
    done = cloud("resume", "latest", env=elsewhere, check=1)
    assert "is not what it was when the job was submitted: 2 files with 2 B then, 2 files with 8 B now" in done.stderr
    # On the machine that has it, the job goes on with the data that it had.
    agent = cloud.start("resume", "latest")
    cloud.wait(lambda: len(cloud.show()["attempts"]) == 3 and cloud.show()["state"] == "running", "attempt 3")
    cloud("stop", "latest")
    agent.wait(timeout=60)
    # An upload put back as it was is the same data again.
    upload(cloud, {"b": b"2"})
    agent = cloud.start("resume", "latest", stderr=None, stdout=None)
    cloud.wait(lambda: len(cloud.show()["attempts"]) == 4 and cloud.show()["state"] == "running", "attempt 4")
    cloud("stop", "latest")
    agent.wait(timeout=60)


def test_a_file_replaced_while_it_is_fetched(cloud, s3):
    url = upload(cloud, {"a": b"x" * 1000, "b": b"y" * 1000})
    with counting(s3) as proxy:
        def plan(_number, method, path, _headers):
            if method == "GET" and path.endswith("-set/a") and not proxy.seen:
                upload(cloud, {"b": b"z" * 1000})
                return "503"
            return "drip" if path.endswith("-set/b") and not proxy.seen else None
        proxy.plan = plan
        # One after the other, so that b is asked for after it was replaced.
        done = cloud("run", spec(cloud, url), env=dict(cloud.env, AWS_ENDPOINT_URL=proxy.url), check=None)
    if done.returncode == 0:  # b came first
        assert sums(cloud)["/data/b"] == hashlib.sha256(b"y" * 1000).hexdigest()
    else:
        assert "it was replaced meanwhile" in done.stderr


def test_the_cache_is_bounded_and_keeps_what_is_used(cloud):
    urls = []
    for name in "abcd":
        shutil.rmtree(cloud.dir / "upload", ignore_errors=True)
        urls.append(upload(cloud, {f"{name}.bin": os.urandom(3 << 20)}, prefix=name))
    cloud.env["BATON_DATA_CACHE"] = "10M"
    hold = cloud.start("run", spec(cloud, urls[0], "echo up; while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done"))
    cloud.wait_for_output("up")
    held = cloud.show()["id"]
    for url in urls[1:]:
        cloud("run", spec(cloud, url, where="other"))
    cache = cloud.dir / "home" / "cache" / "data"
    there = {p.name for p in cache.glob("*/data/*.bin")}
    assert there == {"a.bin", "c.bin", "d.bin"}, there  # a is held, b was used longest ago
    assert len([p for p in cache.glob("files/*/*")]) == 3
    big = upload(cloud, {"big.bin": os.urandom(11 << 20)}, prefix="big")
    done = cloud("run", spec(cloud, big, where="other"), check=1)
    assert re.search(r"data /data: it has \S+ MiB, and the cache of data may hold 10\S* MiB", done.stderr), done.stderr
    assert "BATON_DATA_CACHE" in done.stderr
    cloud("stop", held)
    hold.wait(timeout=60)


def test_two_jobs_fetch_the_same_data_at_once(cloud, s3):
    files = {f"f{i}": os.urandom(50_000) for i in range(20)}
    url = upload(cloud, files)
    with counting(s3, lambda *_: "drip") as proxy, behind(cloud, proxy):
        path = spec(cloud, url)
        both = [cloud.start("run", path) for _ in range(2)]
        for agent in both:
            assert agent.wait(timeout=100) == 0, agent.stderr.read()
        assert sum(n for p, n in proxy.read.items() if "-set/f" in p) == 20
    for job in cloud.json("ps", "-a"):
        assert sums(cloud, job["id"]) == expected(files)


def test_what_a_source_shares_with_another_is_not_fetched_again(cloud, s3):
    url = upload(cloud, {"a": b"a" * 1000, "b": b"b" * 1000})
    with counting(s3) as proxy, behind(cloud, proxy):
        cloud("run", spec(cloud, url))
        upload(cloud, {"b": b"B" * 1000, "c": b"c"})
        before = dict(proxy.read)
        cloud("run", spec(cloud, url))
        again = [p for p, n in proxy.read.items() if "-set/" in p and n > before.get(p, 0)]
        assert sorted(p[-1] for p in again) == ["b", "c"]
    assert len(sums(cloud)) == 3


def test_a_full_disk_is_one_sentence(cloud):
    """On a filesystem of its own, too small for the data."""
    small = cloud.dir / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", small], check=False).returncode != 0:
        pytest.skip("impossible here: no filesystem can be mounted")
    try:
        url = upload(cloud, {"x": os.urandom(50 << 20)})
        cloud.env.update(BATON_HOME=str(small))
        done = cloud("run", spec(cloud, url), check=1)
        lines = [line for line in done.stderr.splitlines() if "data /data" in line]
        assert len(lines) == 1 and "it needs 50 MiB more" in lines[0] and str(small) in lines[0], done.stderr
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_ctrl_c_while_data_is_fetched(cloud, s3):
    url = upload(cloud, {f"f{i}": os.urandom(2000) for i in range(60)})
    with FaultProxy(s3, lambda n, method, path, h: "drip:40" if "-set/" in path else None) as proxy, behind(cloud, proxy):
        agent = cloud.start("run", spec(cloud, url))
        cloud.wait(lambda: list((cloud.dir / "home/cache/data").glob("*.building")), "the fetching")
        agent.send_signal(signal.SIGINT)
        agent.wait(timeout=60)
        assert "what came is kept" in agent.stderr.read() or cloud.show()["state"] in ("stopped", "succeeded")
        if cloud.show()["state"] != "succeeded":
            cloud("resume", "latest")
    assert len(sums(cloud)) == 60


class Web(http.server.BaseHTTPRequestHandler):
    """One file at /f.bin, by ranges; /moved leads to it; /plain knows no ranges; /closed answers 403."""
    protocol_version = "HTTP/1.1"
    content, etag, asked, cut = b"", '"1"', [], None

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        cls = type(self)
        cls.asked.append((self.command, self.path, self.headers.get("Range")))
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/f.bin")
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
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    handler = type("OneWeb", (Web,), {"content": os.urandom(40 << 20), "asked": [], "cut": None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    handler.sha = hashlib.sha256(handler.content).hexdigest()
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def web_spec(cli, web, path, sha=None):
    return cli.spec("sha256sum < /data/f.bin > $BATON_RESULTS_DIR/sums",
                    extra=f"data: {{/data/f.bin: {{source: '{web.url}{path}', sha256: {sha or web.sha}}}}}\n")


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
    cli.wait(lambda: sum(len(p.read_text().splitlines()) for p in cache.glob("*.building/parts/*.done")) >= 2, "two parts")
    agent.kill()
    agent.wait()
    web.cut, before = None, len(web.asked)
    cli("resume", "latest")
    assert [a[2] for a in web.asked[before:] if a[0] == "GET"] == [f"bytes={32 << 20}-{(40 << 20) - 1}"]
    assert (cli.dir / "results" / cli.show()["id"] / "sums").read_text().split()[0] == web.sha


def test_what_is_wrong_on_the_web_is_said_before_a_job_is_made(cli, web):
    for path, said in (("/gone", "does not exist"), ("/closed", "may not be read without logging in")):
        assert said in cli("run", web_spec(cli, web, path), check=1).stderr
    assert cli("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")
    done = cli("run", web_spec(cli, web, "/f.bin", sha="0" * 64), check=1)
    assert f"has the SHA-256 {web.sha}, and the spec says {'0' * 64}" in done.stderr


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


@pytest.mark.parametrize("end", ["by itself", "agent killed"])
def test_a_bucket_is_mounted(cloud, end):
    """Read-only, without anything secret on a command line, and gone afterwards whatever happens."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("impossible here: no FUSE")
    url = upload(cloud, FILES)
    program = """cat /data/a.txt /data/deep/er/b.bin | sha256sum > $BATON_RESULTS_DIR/sums
touch /data/new 2>/dev/null && exit 9
echo up; while [ ! -e $BATON_PREEMPT_FILE ] && [ ! -e /go/on ]; do sleep 0.05; done"""
    (cloud.dir / "go").mkdir()
    agent = cloud.start("run", cloud.spec(program, extra=f"data: {{/data: {{source: {url}, mode: mount}}, /go: {cloud.dir}/go}}\n"))
    cloud.wait_for_output("up")
    (line,) = rclones(cloud.dir)
    assert "not-to-be-seen" not in line and "AKIATEST" not in line
    assert mounted(cloud.dir)
    if end == "by itself":
        (cloud.dir / "go" / "on").touch()
        assert agent.wait(timeout=60) == 0
        sha = hashlib.sha256(FILES["a.txt"] + FILES["deep/er/b.bin"]).hexdigest()
        assert (cloud.dir / "results" / cloud.show()["id"] / "sums").read_text().split()[0] == sha
    else:
        agent.kill()
        agent.wait()
        cloud.wait(lambda: not rclones(cloud.dir), "rclone's end")
        cloud("store", "gc")
    assert not rclones(cloud.dir) and not mounted(cloud.dir)
    assert not list((cloud.dir / "home" / "run").glob("*-1"))


def test_what_a_mount_needs_is_said_before_a_job_is_made(cloud, tmp_path):
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("crun", "sh", "fusermount3"):
        (bin_dir / name).symlink_to(subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip())
    extra = "data: {/data: {source: s3://store/x, mode: mount}}\n"
    if not os.path.exists("/usr/sbin/rclone"):
        done = cloud("run", cloud.spec(extra=extra), check=1, env=dict(cloud.env, PATH=str(bin_dir)))
        assert "needs rclone, which is not installed" in done.stderr and "apt-get install rclone" in done.stderr
    done = cloud("run", cloud.spec(extra=extra.replace("s3://", "gs://")), check=1)
    assert "data /data: " in done.stderr
    done = cloud("run", cloud.spec(extra=extra.replace("store/x", "no-such-bucket/x")), check=1)
    assert "data /data: " in done.stderr and "no-such-bucket" in done.stderr
    assert cloud("ps", "-a", "--json", check=None).stdout.strip() in ("", "[]")
    assert not rclones(cloud.dir) and not mounted(cloud.dir)
