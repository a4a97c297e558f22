"""No secret is in anything that baton stores, writes, says, or puts on a command line, whatever the credentials are."""
import contextlib
import json
import pathlib
import threading

import pytest

from azurite import ACCOUNT, KEY, account_sas, azurite_with_tokens
from data_places import AzPlace, S3Place, az_cloud, cloud, gcs, gs_cloud, s3, server  # noqa: F401  (fixtures)
from fault_proxy import FaultProxy, xml_errors
from test_azure import Identity
from test_gcs import SECRET, account_file, json_errors, signed_on, user_file


class Account:
    """A way to sign on to a bucket. `cli`: with credentials in its environment; `secrets()`: all that nobody may see; `own`: the
    files that people keep them in; `upstream`: the server; `put(name, content)`: an upload by somebody else; `denial`: a fault."""

    def __init__(self, cli, root, upstream, put, secrets, own=(), denial="AccessDenied:403", errors=xml_errors):
        self.cli, self.root, self.upstream, self.put, self.own = cli, root, upstream, put, set(own)
        self.secrets, self.denial, self.errors, self.query = secrets, denial, errors, ""

    def connect(self, url):
        """Everything goes there from now on."""
        if self.root.startswith("s3:"):
            self.cli.env["AWS_ENDPOINT_URL"] = url
        elif self.root.startswith("gs:"):
            self.query = f"?endpoint={url}"
        else:
            self.cli.env["AZURE_STORAGE_SERVICE_ENDPOINT"] = f"{url}/{ACCOUNT}"
        self.cli.env["BATON_STORE"] = self.url()

    def url(self, suffix=""):
        return f"{self.root}/{self.cli.prefix}{suffix}{self.query}"


@contextlib.contextmanager
def in_s3(request, how):
    cli, url = request.getfixturevalue("cloud"), request.getfixturevalue("s3")
    secret, token = "not-to-be-seen-anywhere", "session-token-of-the-test"
    own = []
    if how == "environment":
        cli.env["AWS_SESSION_TOKEN"] = token
    else:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            cli.env.pop(name)
        aws = pathlib.Path(cli.env["HOME"]) / ".aws"
        aws.mkdir()
        own = [aws / "credentials", aws / "keys.json"]
        keys = {"Version": 1, "AccessKeyId": "AKIATEST", "SecretAccessKey": secret, "SessionToken": token}
        own[1].write_text(json.dumps(keys))
        # The program takes its time, so that the listing of processes has it.
        own[0].write_text(f"[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
                          if how == "profile" else f"[default]\ncredential_process = sh -c 'sleep 0.1; cat {own[1]}'\n")
    yield Account(cli, "s3://store", url, S3Place(cli, url).put, lambda: [secret, token], own)


@contextlib.contextmanager
def in_google_cloud(request, how):
    cli, directory = request.getfixturevalue("gs_cloud"), request.getfixturevalue("tmp_path")
    make_file = user_file if how == "user" else account_file
    with signed_on(cli, directory, make_file) as (one, tokens):
        own = list((directory / "user").iterdir())
        private = [line for file in own if file.name == "private.pem" for line in file.read_text().splitlines()[1:-1]]
        yield Account(cli, "gs://store", one.url, lambda name, content: one.store("store", name, content, {}, {}, "text/plain"),
                      lambda: [SECRET, *private], own, "Forbidden:403", json_errors)


@contextlib.contextmanager
def in_azure(request, how):
    cli, one = request.getfixturevalue("az_cloud"), request.getfixturevalue("server")
    sas, denial = account_sas(), "AuthorizationPermissionMismatch:403"
    with contextlib.ExitStack() as stack:
        tokens = []
        if how == "bearer":
            one = stack.enter_context(azurite_with_tokens(request.getfixturevalue("tmp_path") / "server"))
            identity = stack.enter_context(Identity())
            cli.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"], tokens = identity.url, identity.tokens
        if how != "key":
            cli.env.pop("AZURE_STORAGE_KEY")
        if how == "SAS":
            cli.env["AZURE_STORAGE_SAS_TOKEN"] = sas
        place = AzPlace(cli, one)
        yield Account(cli, f"az://{ACCOUNT}/store", place.url, place.put,
                      lambda: [KEY, sas[sas.index("sig=") + 4:], *tokens], denial=denial)
        cli.env["BATON_STORE"] = str(cli.dir / "none")  # what the fixture looks for at its end may not answer any more


WAYS = [(in_s3, "environment"), (in_s3, "profile"), (in_s3, "credential_process"), (in_google_cloud, "user"),
        (in_google_cloud, "service account"), (in_azure, "key"), (in_azure, "SAS"), (in_azure, "bearer")]


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0].__name__} by {way[1]}")
def account(request):
    enter, how = request.param
    with enter(request, how) as one:
        yield one


class Processes(threading.Thread):
    """All command lines that this machine has while it runs, again and again. `lines`: those that were seen."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lines, self.over = set(), threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            for pid in pathlib.Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    self.lines.add((pid / "cmdline").read_bytes().replace(b"\0", b" "))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Recorder(FaultProxy):
    """Keeps what is sent to be stored: names, bodies and metadata. `denying`: refuses everything."""

    def __init__(self, account):
        self.sent, self.denying = [], False
        super().__init__(account.upstream, lambda *_: account.denial if self.denying else None, errors=account.errors)

    def forward(self, handler, body):
        metadata = [f"{k}: {v}" for k, v in handler.headers.items() if "-meta-" in k.lower()]
        self.sent.append("\n".join([handler.path.split("?")[0], *metadata, body.decode("latin-1")]))
        return super().forward(handler, body)


PROGRAM = """trap '' TERM
cp /data/set.txt $BATON_RESULTS_DIR; env > $BATON_RESULTS_DIR/env; env
echo '{"step": 1, "loss": 0.5}' >> $BATON_METRICS_FILE; echo kept > $BATON_CHECKPOINT_DIR/kept
/baton/bin/baton commit
while [ ! -e $BATON_PREEMPT_FILE ]; do sleep 0.05; done
"""


def listen(account, said):
    """Runs a command whatever becomes of it, keeps what it says, and returns its status."""
    def run(*words, **options):
        done = account.cli(*words, check=None, **options)
        said.extend([done.stdout, done.stderr])
        return done.returncode
    return run


def live(account, run, said):
    """Two attempts of a job with data and results there, and everything that one can ask about it."""
    cli = account.cli
    account.put(f"{cli.prefix}-set/set.txt", b"data\n")
    extra = f"data: {{/data: '{account.url('-set')}'}}\nresults: '{account.url('-results')}'\n"
    agent = cli.start("run", "--verbose", cli.spec(PROGRAM, extra=extra))
    # While the store is being made, ps may fail.
    cli.wait(lambda: '"running"' in cli("ps", "--json", check=None).stdout and cli.show()["commits"], "a commit")
    job = cli.show()["id"]
    assert run("preempt", job) == 0
    cli.wait(lambda: len(cli.show()["attempts"]) > 1 and cli.show()["attempts"][1].get("started_at"), "the next attempt")
    assert run("stop", job) == 0
    out, err = agent.communicate(timeout=100)
    said.extend([out, err])
    assert "BATON_CHECKPOINT_DIR" in out and "preempted" in err, err
    assert run("resume", "--verbose", "--set", "nonsense", job) == 2
    for words in (["ps", "-a"], ["ps", "-a", "--json"], ["show", job], ["show", job, "--json"], ["show", job, "--data"],
                  ["logs", job], ["logs", job, "--json"], ["metrics", job], ["metrics", job, "--json"], ["results", job],
                  ["results", job, "--json"], ["results", job, "--list"], ["results", job, "--to", cli.dir / "fetched"],
                  ["store", "check"], ["store", "check", "--json"], ["store", "gc"], ["store", "copy", account.url(), cli.dir / "copied"],
                  ["doctor"], ["doctor", "--json"]):
        status = run(*words)
        assert status == 0 or words[0] == "doctor", (words, said[-2:])
    assert (cli.dir / "fetched" / "set.txt").read_text() == "data\n"
    return extra


def fail(account, run, proxy, extra):
    """Everything that goes wrong."""
    cli = account.cli
    assert run("run", "--verbose", cli.spec(extra=extra.replace("-set", "-nothing"))) == 1
    assert run("store", "check", account.url().replace("/store/", "/no-such-bucket/")) == 1
    commands = [["ps"], ["store", "check"], ["store", "check", "--json"], ["show", "latest"], ["run", "--verbose", cli.spec(extra=extra)],
                ["store", "copy", cli.dir / "copied", account.url("-copy")]]
    proxy.denying = True
    for words in commands:
        assert run(*words) == 1, words
    account.connect("http://127.0.0.1:1")
    for words in commands[::2][:2]:  # ps, and a store check in JSON
        assert run(*words) == 1, words


def test_secrets_are_nowhere(account, tmp_path):
    said = []
    run = listen(account, said)
    with Recorder(account) as proxy, Processes() as processes:
        account.connect(proxy.url)
        fail(account, run, proxy, live(account, run, said))
    files = {path: path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file() and path not in account.own}
    lines = [line.decode("latin-1") for line in processes.lines]
    assert any(account.cli.binary in line and "store copy" in line for line in lines) and len(proxy.sent) > 50 and len(files) > 20
    assert any("BATON_CHECKPOINT_DIR" in text for text in files.values()) and any("may not" in text for text in said)
    secrets = account.secrets()
    assert secrets and all(len(secret) > 16 for secret in secrets)
    for where, texts in (("said", said), ("sent", proxy.sent), ("a command line", lines), ("a file", files.values())):
        for text in texts:
            assert not [secret for secret in secrets if secret in text], (where, text[:300])
    for path in files:
        assert not [secret for secret in secrets if secret in str(path)]
