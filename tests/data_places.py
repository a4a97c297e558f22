"""What the tests of data have in common: the same bucket in each of the three clouds, and what a server behind it was asked."""
import base64
import contextlib
import hashlib
import struct
import urllib.parse
import urllib.request

import pytest

from azurite import ACCOUNT
from fault_proxy import FaultProxy
from test_azure import cloud as az_cloud, server as az_server
from test_gcs import cloud as gs_cloud, gcs
from test_s3 import cloud, s3

server = az_server


def plain(method, url, content=None, headers=None):
    """A request to moto, which asks who it is and does not look at the signature."""
    known = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIATEST/20261122/us-east-1/s3/aws4_request, "
                              "SignedHeaders=host, Signature=0", "Content-Type": "application/octet-stream"}
    return urllib.request.Request(url, content, {**known, **(headers or {})}, method=method)


@contextlib.contextmanager
def behind(cloud, proxy):
    """Everything that baton does in S3 meanwhile goes through the proxy."""
    cloud.env["AWS_ENDPOINT_URL"] = proxy.url
    try:
        yield
    finally:
        cloud.env["AWS_ENDPOINT_URL"] = cloud.url


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF


class Place:
    """A bucket that data lies in. `cli`: a Cli with a store and credentials there; `url`: the server's."""

    def __init__(self, cli, url):
        self.cli, self.url = cli, url

    def upload(self, files, prefix="set", **options):
        """Puts {name: bytes} below PREFIX of the test; returns the URL that baton is given. `checksum`: with a CRC-32C."""
        for name, content in files.items():
            self.put(f"{self.cli.prefix}-{prefix}/{name}", content, **options)
        return f"{self.root}/{self.cli.prefix}-{prefix}"

    @contextlib.contextmanager
    def behind(self, plan=lambda *_: None):
        """All that baton does meanwhile goes through the proxy that this yields. `plan(NAME, begin)` is asked for the fault of
        each read of an object, and `proxy.read[NAME]` is how often it was read."""
        def note(_number, method, path, headers):
            name = self.object_read(method, path)
            if not name:
                return None
            proxy.read[name] = proxy.read.get(name, 0) + 1
            ranged = headers.get("Range") or "bytes=0-"
            return plan(name, int(ranged.removeprefix("bytes=").split("-")[0]))

        proxy = FaultProxy(self.url, note)
        proxy.read = {}
        before = self.cli.env
        with proxy:
            self.cli.env = {**before, **self.endpoint(proxy.url)}
            try:
                yield proxy
            finally:
                self.cli.env = before

    def object_read(self, method, path):
        """The name below the bucket, of a request that reads an object of a test's data; else None."""
        path, _, query = path.partition("?")
        name = urllib.parse.unquote(path).partition(self.bucket)[2]
        return name if method == "GET" and "-set/" in name and self.reads(query) else None

    @staticmethod
    def reads(_query):
        return True


class S3Place(Place):
    root, bucket = "s3://store", "/store/"

    def put(self, name, content, checksum=False):
        """`checksum`: as baton stores it; moto keeps none of its own."""
        headers = {"x-amz-meta-baton-crc32c": base64.b64encode(struct.pack(">I", crc32c(content))).decode()} if checksum else {}
        url = f"{self.url}/store/{urllib.parse.quote(name)}"
        urllib.request.urlopen(plain("PUT", url, content, headers), timeout=60).close()

    def endpoint(self, url):
        return {"AWS_ENDPOINT_URL": url}


class GsPlace(Place):
    root, bucket = "gs://store", "/store/o/"

    def put(self, name, content, checksum=True):
        url = f"{self.url}/upload/storage/v1/b/store/o?uploadType=media&name={urllib.parse.quote(name, safe='')}"
        kind = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(url, content, kind, method="POST"), timeout=60).close()

    def endpoint(self, url):
        return {"STORAGE_EMULATOR_HOST": url}

    @staticmethod
    def reads(query):
        return "alt=media" in query


class AzPlace(Place):
    root, bucket = f"az://{ACCOUNT}/store", f"/{ACCOUNT}/store/"

    def __init__(self, cli, one):
        super().__init__(cli, one.url.removesuffix("/" + ACCOUNT))
        self.one = one

    def put(self, name, content, checksum=False):
        kind = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        if checksum:
            kind["x-ms-meta-baton_crc32c"] = base64.b64encode(struct.pack(">I", crc32c(content))).decode()
        self.one.request("PUT", f"/store/{urllib.parse.quote(name)}", kind, content)

    def endpoint(self, url):
        return {"AZURE_STORAGE_SERVICE_ENDPOINT": f"{url}/{ACCOUNT}"}


@pytest.fixture(params=["s3", "gs", "az"])
def place(request):
    make, cli, url = {"s3": (S3Place, "cloud", "s3"), "gs": (GsPlace, "gs_cloud", "gcs"), "az": (AzPlace, "az_cloud", "server")}[request.param]
    return make(request.getfixturevalue(cli), request.getfixturevalue(url))


def spec(cli, source, program="find /data -type f | sort | tr '\\n' '\\0' | xargs -0 sha256sum > $BATON_RESULTS_DIR/sums", where=""):
    return cli.spec(program, extra=f"data: {{/data: {source}}}\n", where=where)


def sums(cli, job="latest"):
    """What the program of spec() found: {path: SHA-256}."""
    job = cli.show(job)["id"]
    (path,) = cli.dir.glob(f"**/results/{job}/sums")
    return {line[66:]: line[:64] for line in path.read_text().splitlines()}


def expected(files):
    return {f"/data/{name}": hashlib.sha256(content).hexdigest() for name, content in files.items()}
