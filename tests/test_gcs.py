"""Stores in Google Cloud Storage: against a server of the tests' own, with other people's clients on the other side."""
import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from email.utils import formatdate

import pytest

from fault_proxy import FaultProxy
from gcs_server import GcsServer, Refused, gcs_process
from local_server import LocalServer
from npm_packages import npm_packages
from test_s3 import PROGRAM, results

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIENT = "@google-cloud/storage@7.17.0"  # version 8 needs Node.js 22
SECRET = "ya29.not-to-be-seen-anywhere"


@pytest.fixture(scope="module")
def gcs():
    """The URL of a server that takes anybody, with one bucket, "store"."""
    with gcs_process("store") as url:
        yield url


@pytest.fixture
def cloud(cli, gcs, tmp_path):
    """A Cli whose store is a new prefix in the bucket, without credentials, and with a home of its own."""
    (tmp_path / "user").mkdir()
    cli.env = {k: v for k, v in cli.env.items() if not k.startswith(("GOOGLE_", "CLOUDSDK_", "GCE_", "STORAGE_"))}
    cli.prefix, cli.url = "jobs/" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12], gcs
    cli.env.update(HOME=str(tmp_path / "user"), NO_GCE_CHECK="true", STORAGE_EMULATOR_HOST=gcs,
                   BATON_STORE=f"gs://store/{cli.prefix}")
    yield cli


class TokenServer(LocalServer):
    """OAuth 2.0 as Google has it, for a user's refresh token and for what a service account has signed: every token that it gives
    is a new one. `valid` holds those that count. `public_key`: the file of the account's key; `skew_seconds`: how far this
    server's clock is ahead; `untimely`: how many signed assertions were refused for their time."""

    def __init__(self, public_key=None, skew_seconds=0):
        self.given, self.valid, self.untimely = 0, set(), 0
        self.public_key, self.skew = public_key, skew_seconds
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                good = outer.accepts({name: values[0] for name, values in form.items()})
                outer.given += good
                token = f"{SECRET}-{outer.given}"
                outer.valid.add(token) if good else None
                reply = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"} if good else {"error": "invalid_grant"}
                self.send_response(200 if good else 400)
                self.end_headers()
                self.wfile.write(json.dumps(reply).encode())

            def date_time_string(self, timestamp=None):
                return formatdate(time.time() + outer.skew, usegmt=True)

            def log_message(self, *_):
                pass

        super().__init__(Handler)

    def accepts(self, form):
        if form.get("grant_type") == "refresh_token":
            return form.get("refresh_token") == SECRET + "-refresh"
        return form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer" and self.is_signed(form["assertion"])

    def is_signed(self, assertion):
        """https://developers.google.com/identity/protocols/oauth2/service-account#httprest"""
        signed, _, signature = assertion.rpartition(".")
        decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        claims = json.loads(decode(signed.split(".")[1]))
        with tempfile.NamedTemporaryFile() as file:
            file.write(decode(signature))
            file.flush()
            verified = subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public_key, "-signature", file.name],
                                      input=signed.encode(), capture_output=True, check=False).returncode == 0
        timely = abs(claims["iat"] - (time.time() + self.skew)) < 300 and claims["exp"] <= claims["iat"] + 3600
        self.untimely += not timely
        return verified and timely and claims["iss"] == ACCOUNT


ACCOUNT = "trainer@test.iam.gserviceaccount.com"


def user_file(tmp_path, tokens):
    """The file of a person's sign-on."""
    file = tmp_path / "user" / "key.json"
    file.write_text(json.dumps({"type": "authorized_user", "client_id": "id", "client_secret": SECRET,
                                "refresh_token": SECRET + "-refresh", "token_uri": tokens.url}))
    return file


def account_file(tmp_path, tokens):
    """The file of a service account's new key, which `tokens` will know."""
    private, file = tmp_path / "user" / "private.pem", tmp_path / "user" / "account.json"
    tokens.public_key = tmp_path / "user" / "public.pem"
    for words in (["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private],
                  ["pkey", "-in", private, "-pubout", "-out", tokens.public_key]):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    file.write_text(json.dumps({"type": "service_account", "client_email": ACCOUNT, "private_key_id": "1",
                                "private_key": private.read_text(), "token_uri": tokens.url}))
    return file


@contextlib.contextmanager
def signed_on(cloud, tmp_path, make_file=user_file, skew_seconds=0):
    """A server that asks for tokens, and a credentials file for them; yields (server, tokens)."""
    with TokenServer(skew_seconds=skew_seconds) as tokens, GcsServer(["store"], tokens.valid) as server:
        cloud.env.pop("STORAGE_EMULATOR_HOST")
        cloud.env.update(GOOGLE_APPLICATION_CREDENTIALS=str(make_file(tmp_path, tokens)),
                         BATON_STORE=f"gs://store/{cloud.prefix}?endpoint={server.url}")
        yield server, tokens
    cloud.env["BATON_STORE"] = str(tmp_path / "none")  # what the fixture looks for at its end would not answer any more


def json_errors(status, code):
    """An error of the JSON API: "Forbidden" → reason forbidden; of anything else the reason is the status's."""
    reason = code[0].lower() + code[1:] if status < 500 else None
    return "application/json", json.dumps(Refused(status, "made up by the test", reason).body()).encode()


def behind(gcs, plan):
    return FaultProxy(gcs, plan, errors=json_errors)


def damage(cloud, **env):
    done = cloud("store", "check", "--json", check=None, env=dict(cloud.env, **env))
    return [f for f in json.loads(done.stdout)["findings"] if not f.get("harmless")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_conformance(gcs, baton_bin):
    done = subprocess.run([baton_bin.parent / "test_store", "--gtest_filter=Gcs/*", "--gtest_brief=1"],
                          env=dict(os.environ, BATON_TEST_GCS=gcs), capture_output=True, text=True, check=False, timeout=850)
    assert done.returncode == 0 and "47 tests" in done.stdout, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_one_of_two_agents_owns_a_job_500_times(gcs, baton_bin):
    done = subprocess.run([baton_bin.parent / "test_ledger", "--gtest_filter=BucketRace.*InGoogleCloud"],
                          env=dict(os.environ, BATON_TEST_GCS=gcs), capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0 and "500 races had one winner" in done.stdout, done.stdout[-3000:]


# Each seed is a job with several interruptions. CI takes few; BATON_TEST_CRASH_SEEDS=0-299 takes all.
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_seeded_kills_in_a_bucket(gcs, baton_bin):
    seeds = os.environ.get("BATON_TEST_CRASH_SEEDS", "0-9")
    done = subprocess.run([sys.executable, ROOT / "tests" / "crash" / "crash.py", "--seeds", seeds, "--binary", baton_bin,
                           "--store", "gs://store/crash"],
                          env=dict(os.environ, STORAGE_EMULATOR_HOST=gcs), capture_output=True, text=True, timeout=3500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_runs_with_its_store_in_a_bucket(cloud):
    spec = cloud.spec("echo hello; echo kept > $BATON_RESULTS_DIR/out.txt", extra="results: ./results\n")
    assert "hello" in cloud("run", spec).stdout
    shown = cloud.show()
    assert shown["state"] == "succeeded"
    assert (cloud.dir / "results" / shown["id"] / "out.txt").read_text() == "kept\n"
    assert "hello" in cloud("logs", "latest").stdout
    assert "nobody (requests are anonymous)" in cloud("store", "check").stderr
    assert not (cloud.dir / "home" / "store").exists()


def google(cloud, *words):
    """Google's own client library."""
    modules = npm_packages(CLIENT) / "node_modules"
    done = subprocess.run(["node", ROOT / "tests" / "gcs_client.js", *words], env=dict(cloud.env, NODE_PATH=str(modules)),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def rclone(cloud, *words):
    """Debian's rclone, configured by its environment alone."""
    env = dict(cloud.env, RCLONE_CONFIG_R_TYPE="google cloud storage", RCLONE_CONFIG_R_ANONYMOUS="true",
               RCLONE_CONFIG_R_ENDPOINT=cloud.url + "/storage/v1/", RCLONE_CONFIG="/dev/null")
    done = subprocess.run(["/usr/bin/rclone", *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def gcloud(cloud, *words):
    """`gcloud storage`, which is no package of Debian's."""
    env = dict(cloud.env, CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=cloud.url + "/storage/v1/", CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true",
               CLOUDSDK_CORE_PROJECT="test", CLOUDSDK_CORE_DISABLE_USAGE_REPORTING="true")
    done = subprocess.run(["gcloud", "storage", *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stderr


TOOLS = {"google": (lambda c, to: google(c, "download", "store", c.prefix, to),
                    lambda c, of, prefix: google(c, "upload", "store", prefix, of)),
         "rclone": (lambda c, to: rclone(c, "copy", f"R:store/{c.prefix}", to),
                    lambda c, of, prefix: rclone(c, "copy", of, f"R:store/{prefix}")),
         "gcloud": (lambda c, to: (os.makedirs(to), gcloud(c, "rsync", "-r", f"gs://store/{c.prefix}", to)),
                    lambda c, of, prefix: gcloud(c, "rsync", "-r", of, f"gs://store/{prefix}"))}


@pytest.mark.parametrize("tool", TOOLS)
def test_other_clients_read_what_baton_wrote_and_the_other_way_round(cloud, tmp_path, tool):
    if tool == "gcloud" and not shutil.which("gcloud"):
        pytest.skip("impossible here: no gcloud is installed, and it is no package of Debian's")
    download, upload = TOOLS[tool]
    cloud("run", cloud.spec(PROGRAM))
    job = cloud.show()["id"]
    copy = tmp_path / "copy"
    download(cloud, str(copy))
    assert results(cloud, job, "from-copy", BATON_STORE=str(copy)) == "result\n"
    assert not damage(cloud, BATON_STORE=str(copy))
    upload(cloud, str(copy), f"{cloud.prefix}-back")
    place = f"gs://store/{cloud.prefix}-back"
    assert results(cloud, job, "back", BATON_STORE=place) == "result\n"
    assert not damage(cloud, BATON_STORE=place)


def test_a_user_signed_on(cloud, tmp_path):
    with signed_on(cloud, tmp_path) as (server, tokens):
        cloud("run", cloud.spec(PROGRAM))
        assert cloud.show()["state"] == "succeeded"
        done = cloud("store", "check")
        assert "with the credentials of your own account" in done.stderr and "may not" not in done.stderr
        assert tokens.given >= 3 and server.buckets["store"]


@pytest.mark.parametrize("skew", [-1200, 1200])
def test_a_service_account_whose_clock_is_20_minutes_off(cloud, tmp_path, skew):
    """What it signs is refused for its time, and signed anew with the time that the reply tells."""
    with signed_on(cloud, tmp_path, account_file, skew_seconds=skew) as (_, tokens):
        cloud("run", cloud.spec(PROGRAM))
        assert cloud.show()["state"] == "succeeded" and tokens.untimely >= 1 and tokens.given >= 1
        assert f"the service account {ACCOUNT}" in cloud("store", "check").stderr


def test_a_token_that_expires_in_mid_upload(cloud, tmp_path):
    """Every tenth request finds its token withdrawn; another one is fetched at once."""
    with signed_on(cloud, tmp_path) as (server, tokens):
        count = [0]

        def plan(_number, _method, _path, _headers):
            count[0] += 1
            if count[0] % 10 == 0:
                tokens.valid.clear()

        with behind(server.url, plan) as proxy:
            cloud("run", cloud.spec(PROGRAM), env=dict(cloud.env, BATON_STORE=f"gs://store/{cloud.prefix}?endpoint={proxy.url}"))
        assert count[0] > 20 and tokens.given >= 3
        assert cloud.show()["state"] == "succeeded" and not damage(cloud)


def test_what_is_wrong_is_said(cloud):
    done = cloud("ps", "--store", "gs://no-such-bucket/x", check=None)
    assert done.returncode != 0 and "bucket does not exist" in done.stderr and "make the bucket first" in done.stderr
    assert "did you mean endpoint" in cloud("ps", "--store", "gs://store/x?endpont=eu", check=None).stderr
    assert "https" in cloud("ps", "--store", "gs://store/x?endpoint=http://example.org", check=None).stderr
    bare = {k: v for k, v in cloud.env.items() if k != "STORAGE_EMULATOR_HOST"}
    bare["PATH"] = str(cloud.dir)  # without gcloud
    done = cloud("store", "check", env=bare, check=1)
    assert "no Google Cloud credentials were found" in done.stderr and "gcloud auth application-default login" in done.stderr


def test_store_check_says_what_is_missing(cloud, gcs):
    cloud("run", cloud.spec())
    with behind(gcs, lambda _n, method, path, _h: "Forbidden:403" if method == "DELETE" else None) as proxy:
        done = cloud("store", "check", env=dict(cloud.env, STORAGE_EMULATOR_HOST=proxy.url), check=1)
    assert "may not remove objects" in done.stderr and "may not read" not in done.stderr and "roles" in done.stderr
    with behind(gcs, lambda _n, method, path, _h: "InsufficientPermissions:403" if method == "POST" else None) as proxy:
        done = cloud("store", "check", env=dict(cloud.env, STORAGE_EMULATOR_HOST=proxy.url), check=1)
    assert "may not write objects" in done.stderr and "scope" in done.stderr and "may not list" not in done.stderr


def test_lost_replies_to_every_conditional_write(cloud, gcs):
    """The retry of each finds its own object, and the ledger knows it for its own."""
    first = set()

    def plan(number, method, path, _headers):
        # The name stands in the body: every other conditional write is taken, so that no retry loses its reply too.
        if method != "POST" or "ifGenerationMatch=0" not in path:
            return None
        first.add(number)
        return "lost" if len(first) % 2 else None

    with behind(gcs, plan) as proxy:
        cloud("run", cloud.spec(PROGRAM), env=dict(cloud.env, STORAGE_EMULATOR_HOST=proxy.url))
        assert proxy.seen["lost"] >= 10
    shown = cloud.show()
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 1
    assert not damage(cloud)


def test_a_bucket_that_ignores_conditions_is_refused(cloud):
    """As emulators without preconditions do."""
    with GcsServer(["store"]) as server:
        server.match = lambda query, there, prefix="": None
        done = cloud("run", cloud.spec(), env=dict(cloud.env, STORAGE_EMULATOR_HOST=server.url), check=None)
        assert done.returncode != 0 and "conditional writes" in done.stderr
        assert all("/probe/" in name for name in server.buckets["store"])


def test_the_server_refuses_what_google_refuses():
    """The strictness that the other tests rest on."""
    with GcsServer(["store"]) as server:
        def ask(method, path, body=b"", **headers):
            connection = http.client.HTTPConnection(*server.server.server_address)
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read()

        upload = "/upload/storage/v1/b/store/o?uploadType="
        crc = base64.b64encode(server.crc32c(b"x").to_bytes(4, "big")).decode()

        def related(metadata, end="--"):
            return f'--B\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B{end}\r\n'

        kind = {"Content_Type": "multipart/related; boundary=B"}
        good = json.dumps({"name": "n", "crc32c": crc})
        assert ask("POST", upload + "multipart&ifGenerationMatch=0", related(good), **kind)[0] == 200
        assert ask("POST", upload + "multipart&ifGenerationMatch=0", related(good), **kind)[0] == 412
        wrong = json.dumps({"name": "n", "crc32c": "AAAAAA=="})
        assert ask("POST", upload + "multipart", related(wrong), **kind)[0] == 400
        assert ask("POST", upload + "multipart", related(good, ""), **kind)[0] == 400
        assert ask("POST", upload + "multipart&ifNoneMatch=*", related(good), **kind)[0] == 400
        assert ask("POST", upload + "media&name=" + "n" * 1025, b"x")[0] == 400
        assert ask("POST", "/storage/v1/b/store/o/d/compose", json.dumps({"sourceObjects": [{"name": "n"}] * 33}))[0] == 400
        assert ask("POST", "/storage/v1/b/store/o/d/compose", json.dumps({"sourceObjects": [{"name": "absent"}]}))[0] == 404
        assert ask("GET", "/storage/v1/b/store/o/n?alt=media", Range="bytes=1-")[0] == 416
        assert ask("GET", "/storage/v1/b/other/o")[0] == 404
        assert json.loads(ask("GET", "/storage/v1/b/store/o/n?fields=size")[1]) == {"size": "1"}
