"""Azurite, Microsoft's own stand-in for Azure Blob Storage, from npm; and requests to it that this file signs itself."""
import base64
import contextlib
import hashlib
import hmac
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from email.utils import formatdate

from moto_root import free_port
from npm_packages import npm_packages

PACKAGES = ("azurite@3.35.0", "@azure/storage-blob@12.26.0")
ACCOUNT = "batontest"
KEY = base64.b64encode(b"never to be seen in anything that is written, 64 bytes of a key.").decode()
VERSION = "2023-11-03"
UNVERIFIED = ssl._create_unverified_context()


class Azurite:
    """A running server with one account. `url` is the account's endpoint."""

    def __init__(self, url):
        self.url = url

    def request(self, method, path, headers=None, body=b""):
        """One request signed by Shared Key, as the documentation tells; returns the reply's body."""
        url = urllib.parse.urlsplit(self.url + path)
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION, **(headers or {})}
        query = sorted(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        text = "\n".join([method, "", "", str(len(body)) if body else "", "", headers.get("Content-Type", ""), *[""] * 6])
        text += "\n" + "".join(f"{k.lower()}:{v}\n" for k, v in sorted(headers.items()) if k.startswith("x-ms-"))
        text += f"/{ACCOUNT}{url.path}" + "".join(f"\n{k}:{v}" for k, v in query)
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{sign(text)}"
        if body:
            headers.setdefault("Content-Type", "")
        request = urllib.request.Request(url.geturl(), method=method, headers=headers, data=body or None)
        if method == "PUT" and not body:
            request.add_header("Content-Length", "0")
        with urllib.request.urlopen(request, timeout=30, context=UNVERIFIED if url.scheme == "https" else None) as reply:
            return reply.read()


def sign(text):
    return base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()


def account_sas(permissions="rwdl", seconds=3600):
    """An account SAS for blobs. https://learn.microsoft.com/rest/api/storageservices/create-account-sas"""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    fields = [ACCOUNT, permissions, "b", "co", "", until, "", "https,http", VERSION, ""]
    parts = {"sv": VERSION, "ss": "b", "srt": "co", "sp": permissions, "se": until, "spr": "https,http",
             "sig": sign("\n".join(fields) + "\n")}
    return urllib.parse.urlencode(parts)


@contextlib.contextmanager
def azurite(directory, certificate=None, key=None):
    """Yields an Azurite with the container "store". With a certificate: over TLS, and it takes bearer tokens too."""
    root, port = npm_packages(*PACKAGES), free_port()
    command = [str(root / "node_modules" / ".bin" / "azurite-blob"), "--blobHost", "127.0.0.1", "--blobPort", str(port),
               "--location", str(directory), "--silent", "--disableTelemetry"]
    if certificate:
        command += ["--cert", str(certificate), "--key", str(key), "--oauth", "basic"]
    server = subprocess.Popen(command, env=dict(os.environ, AZURITE_ACCOUNTS=f"{ACCOUNT}:{KEY}"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, start_new_session=True)
    one = Azurite(f"{'https' if certificate else 'http'}://127.0.0.1:{port}/{ACCOUNT}")
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                one.request("PUT", "/store?restype=container")
                break
            except (urllib.error.URLError, ConnectionError) as error:
                if isinstance(error, urllib.error.HTTPError) or server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Azurite does not answer: {error}") from error
                time.sleep(0.1)
        yield one
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def azurite_with_tokens(directory):
    """One that takes bearer tokens, over TLS, with a certificate that nobody has signed."""
    directory.mkdir()
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1"], check=True, capture_output=True)
    (directory / "data").mkdir()
    with azurite(directory / "data", certificate, key) as server:
        yield server
