"""Credentials that expire in the middle of a large upload: others are asked for, and what was sent arrives whole."""
import hashlib
import http.server
import json
import re
import time
import urllib.parse
import urllib.request

from azurite import azurite_with_tokens
from data_places import S3Place, az_cloud, cloud, gcs, gs_cloud, s3, server  # noqa: F401  (fixtures)
from fault_proxy import FaultProxy
from local_server import LocalServer
from test_azure import Identity, through
from test_gcs import json_errors

REQUESTS = 7  # that one set of credentials is good for


class Giver(LocalServer):
    """A machine's service that gives new credentials whenever it is asked. `reply(number)`: what it gives in JSON."""

    def __init__(self, reply, headers=()):
        self.given = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.given += 1
                body = json.dumps(reply(outer.given)).encode()
                self.send_response(200)
                for key, value in (("Content-Length", str(len(body))), *headers):
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(Handler)


class Doorkeeper:
    """A plan that takes each set of credentials for so many requests, and refuses it ever after. `used`: how often each came."""

    def __init__(self, refusal, name_of=lambda header: header):
        self.refusal, self.name_of, self.used = refusal, name_of, {}

    def __call__(self, _number, _method, _path, headers):
        name = self.name_of(headers["Authorization"])
        self.used[name] = self.used.get(name, 0) + 1
        return self.refusal if self.used[name] > REQUESTS else None


PROGRAM = """
head -c 60000000 /dev/urandom > $BATON_RESULTS_DIR/large
sha256sum < $BATON_RESULTS_DIR/large > $BATON_RESULTS_DIR/sum
"""


def run(cli, results, keeper, given):
    cli("run", cli.spec(PROGRAM, extra=f"results: {results}\n"))
    shown = cli.show()
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 1, shown
    assert len(keeper.used) >= 4 and given() >= 4
    assert [count for count in keeper.used.values() if count > REQUESTS]
    return shown["id"]


def is_whole(read):
    return hashlib.sha256(read("large")).hexdigest() == read("sum").split()[0].decode()


def test_of_a_container_in_s3(cloud, s3):
    def keys(number):
        return {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": f"secret-{number}", "Token": f"token-{number}",
                "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}

    keeper = Doorkeeper("ExpiredToken", lambda header: re.search(r"Credential=(\w+)/", header).group(1))
    own = dict(cloud.env)
    with Giver(keys) as giver, FaultProxy(s3, keeper) as proxy:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            cloud.env.pop(name)
        cloud.env.update(AWS_CONTAINER_CREDENTIALS_FULL_URI=giver.url, AWS_ENDPOINT_URL=proxy.url)
        job = run(cloud, f"s3://store/{cloud.prefix}-results", keeper, lambda: giver.given)
        assert "the container's role" in cloud("store", "check").stderr
    cloud.env = own
    place = S3Place(cloud, s3)
    assert is_whole(lambda name: place.get(f"{cloud.prefix}-results/{job}/{name}"))


def test_of_a_machine_in_google_cloud(gs_cloud, gcs):
    cli = gs_cloud
    own = dict(cli.env)
    keeper = Doorkeeper("AuthError:401")
    token = lambda number: {"access_token": f"ya29.token-{number}", "expires_in": 3600, "token_type": "Bearer"}
    with Giver(token, [("Metadata-Flavor", "Google")]) as giver, FaultProxy(gcs, keeper, errors=json_errors) as proxy:
        for name in ("STORAGE_EMULATOR_HOST", "NO_GCE_CHECK"):
            cli.env.pop(name)
        at = f"?endpoint={proxy.url}"
        cli.env.update(GCE_METADATA_HOST=giver.url.removeprefix("http://"), BATON_STORE=own["BATON_STORE"] + at)
        job = run(cli, f"gs://store/{cli.prefix}-results{at}", keeper, lambda: giver.given)
        assert "of this machine" in cli("store", "check").stderr
    cli.env = own

    def read(name):
        name = urllib.parse.quote(f"{cli.prefix}-results/{job}/{name}", safe="")
        with urllib.request.urlopen(f"{gcs}/storage/v1/b/store/o/{name}?alt=media", timeout=60) as reply:
            return reply.read()

    assert is_whole(read)


def test_of_a_machine_in_azure(az_cloud, tmp_path):
    cli, keeper = az_cloud, Doorkeeper("InvalidAuthenticationInfo:401")
    own = dict(cli.env)
    with azurite_with_tokens(tmp_path / "server") as one, Identity() as identity, FaultProxy(one.url, keeper) as proxy:
        cli.env.pop("AZURE_STORAGE_KEY")
        cli.env.update(AZURE_STORAGE_SERVICE_ENDPOINT=through(proxy), AZURE_POD_IDENTITY_AUTHORITY_HOST=identity.url)
        results = own["BATON_STORE"] + "-results"
        job = run(cli, results, keeper, lambda: len(identity.tokens))
        assert "this machine's managed identity" in cli("store", "check").stderr
        assert is_whole(lambda name: one.request("GET", f"/store/{cli.prefix}-results/{job}/{name}"))
    cli.env = own
