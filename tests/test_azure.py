"""Stores in Azure Blob Storage: against Azurite, with Microsoft's own client on the other side."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from azurite import ACCOUNT, KEY, PACKAGES, account_sas, azurite
from fault_proxy import FaultProxy
from local_server import LocalServer
from npm_packages import npm_packages
from test_s3 import PROGRAM, results

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with azurite(tmp_path_factory.mktemp("azurite")) as one:
        yield one


@pytest.fixture
def cloud(cli, server, tmp_path):
    """A Cli whose store is a new prefix in the container, with the account's key in the environment."""
    (tmp_path / "user").mkdir()
    cli.env = {k: v for k, v in cli.env.items() if not k.startswith(("AZURE_", "IDENTITY_"))}
    cli.prefix = "jobs/" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    cli.env.update(HOME=str(tmp_path / "user"), AZURE_STORAGE_KEY=KEY, AZURE_STORAGE_SERVICE_ENDPOINT=server.url,
                   AZURE_POD_IDENTITY_AUTHORITY_HOST=NOWHERE, BATON_STORE=f"az://{ACCOUNT}/store/{cli.prefix}")
    yield cli


def through(proxy):
    return f"{proxy.url}/{ACCOUNT}"


def damage(cloud, **env):
    done = cloud("store", "check", "--json", check=None, env=dict(cloud.env, **env))
    return [f for f in json.loads(done.stdout)["findings"] if not f.get("harmless")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_conformance(server, baton_bin):
    env = dict(os.environ, BATON_TEST_AZURE=server.url, BATON_TEST_AZURE_KEY=KEY)
    done = subprocess.run([baton_bin.parent / "test_store", "--gtest_filter=Azure/*", "--gtest_brief=1"], env=env,
                          capture_output=True, text=True, check=False, timeout=850)
    assert done.returncode == 0 and "46 tests" in done.stdout, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.slow
def test_one_of_two_agents_owns_a_job(server, baton_bin):
    env = dict(os.environ, BATON_TEST_AZURE=server.url, BATON_TEST_AZURE_KEY=KEY)
    done = subprocess.run([baton_bin.parent / "test_ledger", "--gtest_filter=BucketRace.*Azure*"], env=env,
                          capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0 and "500 races had one winner" in done.stdout, done.stdout[-3000:]


# Each seed is a job with several interruptions. CI takes few; BATON_TEST_CRASH_SEEDS=0-299 takes all.
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_seeded_kills_in_a_container(server, baton_bin):
    seeds = os.environ.get("BATON_TEST_CRASH_SEEDS", "0-9")
    env = dict(os.environ, AZURE_STORAGE_SERVICE_ENDPOINT=server.url, AZURE_STORAGE_KEY=KEY)
    done = subprocess.run([sys.executable, ROOT / "tests" / "crash" / "crash.py", "--seeds", seeds,
                           "--binary", str(baton_bin), "--store", f"az://{ACCOUNT}/store/crash"],
                          env=env, capture_output=True, text=True, timeout=3500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_signatures_is_microsofts():
    modules = npm_packages(*PACKAGES) / "node_modules"
    made = subprocess.run([ROOT / "tools" / "make-azure-signing-table"], env=dict(os.environ, NODE_PATH=str(modules)),
                          capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "src" / "net" / "azure_shared_key_sdk.inc").read_text()


def test_a_job_runs_with_its_store_in_a_container(cloud):
    spec = cloud.spec("echo hello; echo kept > $BATON_RESULTS_DIR/out.txt", extra="results: ./results\n")
    assert "hello" in cloud("run", spec).stdout
    shown = cloud.show()
    assert shown["state"] == "succeeded"
    assert (cloud.dir / "results" / shown["id"] / "out.txt").read_text() == "kept\n"
    assert "hello" in cloud("logs", "latest").stdout
    assert not damage(cloud)
    assert not (cloud.dir / "home" / "store").exists()


@pytest.mark.parametrize("how", ["connection string", "SAS", "SAS in a connection string", "endpoint in the URL"])
def test_every_way_to_name_the_account(cloud, server, how):
    env = {k: v for k, v in cloud.env.items() if not k.startswith("AZURE_STORAGE_")}
    if how == "connection string":
        env["AZURE_STORAGE_CONNECTION_STRING"] = f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={server.url}/"
    elif how == "SAS":
        env.update(AZURE_STORAGE_SAS_TOKEN="?" + account_sas(), AZURE_STORAGE_SERVICE_ENDPOINT=server.url)
    elif how == "SAS in a connection string":
        env["AZURE_STORAGE_CONNECTION_STRING"] = f"BlobEndpoint={server.url};SharedAccessSignature={account_sas()}"
    else:
        env.update(AZURE_STORAGE_KEY=KEY, BATON_STORE=cloud.env["BATON_STORE"] + "?endpoint=" + server.url)
    cloud.env = env
    cloud("run", cloud.spec())
    assert cloud.show()["state"] == "succeeded"
    assert "may not" not in cloud("store", "check").stderr


def client(cloud, server, what, prefix, directory):
    """Microsoft's client, from npm."""
    env = dict(os.environ, NODE_PATH=str(npm_packages(*PACKAGES) / "node_modules"),
               AZURE_STORAGE_CONNECTION_STRING=f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={server.url}")
    done = subprocess.run(["node", ROOT / "tests" / "azure_client.js", what, "store", prefix, str(directory)], env=env,
                          capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_microsofts_client_reads_what_baton_wrote_and_the_other_way_round(cloud, server, tmp_path):
    cloud("run", cloud.spec(PROGRAM))
    job = cloud.show()["id"]
    copy = tmp_path / "copy"
    client(cloud, server, "download", cloud.prefix, copy)
    assert results(cloud, job, "from-copy", BATON_STORE=str(copy)) == "result\n"
    assert not damage(cloud, BATON_STORE=str(copy))
    client(cloud, server, "upload", cloud.prefix + "-back", copy)
    back = f"az://{ACCOUNT}/store/{cloud.prefix}-back"
    assert results(cloud, job, "back", BATON_STORE=back) == "result\n"
    assert not damage(cloud, BATON_STORE=back)


def test_signatures_that_are_refused_are_not_repeated(cloud):
    """Those that may not read, that are garbled, that would go to another host in the clear, and those in a URL."""
    sas = account_sas()
    env = {k: v for k, v in cloud.env.items() if k != "AZURE_STORAGE_KEY"}
    spoilt = sas.replace("sp=rwdl", "sp=r")
    tries = [(dict(env, AZURE_STORAGE_SAS_TOKEN=spoilt), None), (dict(env, AZURE_STORAGE_SAS_TOKEN=sas + "\n x"), None),
             (dict(env, AZURE_STORAGE_SAS_TOKEN=sas, AZURE_STORAGE_SERVICE_ENDPOINT="http://example.invalid"), None),
             *((cloud.env, url) for url in (f"az://{ACCOUNT}/store?{sas}", f"az://{ACCOUNT}:{KEY}@x/store",
                                            f"az://{ACCOUNT}/store?endpoint=https://h/?{sas}"))]
    for env, url in tries:
        done = cloud("store", "check", *([url] if url else []), check=1, env=env)
        assert done.stderr and not [s for s in (KEY, sas[sas.index("sig=") + 4:]) if s in done.stdout + done.stderr], done.stderr


def test_what_is_wrong_is_said(cloud):
    done = cloud("ps", "--store", f"az://{ACCOUNT}/no-such-container/x", check=None)
    assert done.returncode != 0 and "make the container first" in done.stderr, done.stderr
    done = cloud("ps", "--store", f"az://{ACCOUNT}/store/x?endpiont=y", check=None)
    assert "did you mean endpoint" in done.stderr
    done = cloud("ps", "--store", "az://Not_An_Account/store/x", check=None)
    assert "no name of a storage account" in done.stderr
    wrong = base64.b64encode(b"another key").decode()
    done = cloud("ps", env=dict(cloud.env, AZURE_STORAGE_KEY=wrong), check=None)
    assert done.returncode != 0 and "AuthenticationFailed" in done.stderr or "AuthorizationFailure" in done.stderr, done.stderr


def test_store_check_says_who_and_what_is_missing(cloud):
    cloud("run", cloud.spec())
    done = cloud("store", "check")
    assert "with the credentials of AZURE_STORAGE_KEY" in done.stderr and "may not" not in done.stderr
    env = {k: v for k, v in cloud.env.items() if k != "AZURE_STORAGE_KEY"}
    done = cloud("store", "check", env=dict(env, AZURE_STORAGE_SAS_TOKEN=account_sas("rwl")), check=1)
    assert "AZURE_STORAGE_SAS_TOKEN" in done.stderr and "may not remove objects" in done.stderr
    assert "may not read" not in done.stderr and "may not list" not in done.stderr
    done = cloud("store", "check", env=dict(env, AZURE_STORAGE_SAS_TOKEN=account_sas("rl")), check=1)
    assert "may not write objects" in done.stderr
    done = cloud("store", "check", env=env, check=1)
    assert "no Azure credentials were found" in done.stderr and "az login" in done.stderr


@pytest.mark.parametrize("skew", [-1200, 1200])
def test_a_clock_that_is_20_minutes_off(cloud, server, skew):
    with FaultProxy(server.url, lambda *_: None, skew_seconds=skew) as proxy:
        env = dict(cloud.env, AZURE_STORAGE_SERVICE_ENDPOINT=through(proxy))
        cloud("run", cloud.spec(PROGRAM), env=env)
        assert json.loads(cloud("show", "latest", "--json", env=env).stdout)["state"] == "succeeded"
        assert proxy.number > 20 and proxy.skewed >= 2


def test_lost_replies_to_every_conditional_write(cloud, server):
    """The retry of each finds its own object, and the ledger knows it for its own."""
    first = set()

    def plan(_number, method, path, headers):
        if method != "PUT" or headers.get("If-None-Match") != "*" or path in first:
            return None
        first.add(path)
        return "lost"

    with FaultProxy(server.url, plan) as proxy:
        cloud("run", cloud.spec(PROGRAM), env=dict(cloud.env, AZURE_STORAGE_SERVICE_ENDPOINT=through(proxy)))
        assert proxy.seen["lost"] >= 10
    shown = cloud.show()
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 1
    assert not damage(cloud)


def token(number):
    """A token as Entra ID makes them, but for its signature, which Azurite does not look at."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    now = int(time.time())
    claims = {"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
              "nbf": now - 60, "iat": now, "exp": now + 3600, "jti": str(number),
              "oid": "11111111-2222-3333-4444-555555555555", "tid": "66666666-7777-8888-9999-000000000000"}
    return f"{part({'alg': 'none'})}.{part(claims)}.x"


class Identity(LocalServer):
    """A machine's metadata service that gives a new token whenever it is asked. `tokens`: those that it gave."""

    def __init__(self):
        self.tokens = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.tokens.append(token(len(outer.tokens)))
                body = json.dumps({"access_token": outer.tokens[-1], "expires_on": str(int(time.time()) + 3600)}).encode()
                self.send_response(200 if self.headers.get("Metadata") == "true" else 400)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(Handler)
