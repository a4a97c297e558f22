"""What the tests of data and of results have in common: the same bucket in each of the three clouds, and what a server behind it
was asked."""
import base64
import contextlib
import hashlib
import json
import re
import struct
import urllib.error
import urllib.parse
import urllib.request

import pytest

from azurite import ACCOUNT
from fault_proxy import FaultProxy, xml_errors
from test_azure import cloud as az_cloud, server as az_server
from test_gcs import cloud as gs_cloud, gcs, json_errors
from test_s3 import aws, cloud, s3

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
    """Buckets of one cloud. `cli`: a Cli with a store and credentials there; `url`: the server's. `denied` and `expired` are the
    faults with which it refuses for good, and until there are new credentials."""

    errors = staticmethod(xml_errors)

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

        with self.through(note) as proxy:
            proxy.read = {}
            yield proxy

    @contextlib.contextmanager
    def through(self, plan):
        """The same with a plan as FaultProxy has it, for all requests."""
        before = self.cli.env
        with FaultProxy(self.url, plan, errors=self.errors) as proxy:
            self.cli.env = {**before, **self.endpoint(proxy.url)}
            try:
                yield proxy
            finally:
                self.cli.env = before

    def get(self, name, bucket="store"):
        """The object's bytes; None where there is none."""
        try:
            return self.read(name, bucket)
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return None

    def make(self, bucket):
        """A bucket of that name, if there is none."""
        try:
            self.create(bucket)
        except urllib.error.HTTPError as error:
            assert error.code == 409, error

    def object_read(self, method, path):
        """The name below the bucket, of a request that reads an object of a test's data; else None."""
        path, _, query = path.partition("?")
        name = urllib.parse.unquote(path).partition(self.bucket)[2]
        return name if method == "GET" and "-set/" in name and self.reads(query) else None

    @staticmethod
    def reads(_query):
        return True


class S3Place(Place):
    scheme, root, bucket = "s3://", "s3://store", "/store/"
    denied, expired = "AccessDenied", "ExpiredToken"

    def create(self, bucket):
        urllib.request.urlopen(plain("PUT", f"{self.url}/{bucket}"), timeout=60).close()

    def read(self, name, bucket):
        with urllib.request.urlopen(plain("GET", f"{self.url}/{bucket}/{urllib.parse.quote(name)}"), timeout=60) as reply:
            return reply.read()

    def names(self, prefix, bucket):
        listing = aws(self.cli, "s3", "ls", "--recursive", f"s3://{bucket}/{prefix}")
        return [line.split()[-1].removeprefix(prefix) for line in listing.splitlines()]

    @staticmethod
    def is_in(bucket, path):
        return path.startswith(f"/{bucket}/")

    def put(self, name, content, checksum=False, bucket="store"):
        """`checksum`: as baton stores it; moto keeps none of its own."""
        headers = {"x-amz-meta-baton-crc32c": base64.b64encode(struct.pack(">I", crc32c(content))).decode()} if checksum else {}
        url = f"{self.url}/{bucket}/{urllib.parse.quote(name)}"
        urllib.request.urlopen(plain("PUT", url, content, headers), timeout=60).close()

    def endpoint(self, url):
        return {"AWS_ENDPOINT_URL": url}


class GsPlace(Place):
    scheme, root, bucket = "gs://", "gs://store", "/store/o/"
    denied, expired = "Forbidden:403", "429"  # nobody signs on to the tests' server, so nothing expires
    errors = staticmethod(json_errors)

    def create(self, bucket):
        request = urllib.request.Request(f"{self.url}/storage/v1/b?project=p", json.dumps({"name": bucket}).encode(),
                                         {"Content-Type": "application/json"}, method="POST")
        urllib.request.urlopen(request, timeout=60).close()

    def read(self, name, bucket):
        url = f"{self.url}/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?alt=media"
        with urllib.request.urlopen(url, timeout=60) as reply:
            return reply.read()

    def names(self, prefix, bucket):
        with urllib.request.urlopen(f"{self.url}/storage/v1/b/{bucket}/o?prefix={urllib.parse.quote(prefix)}", timeout=60) as reply:
            return [item["name"].removeprefix(prefix) for item in json.load(reply)["items"]]

    @staticmethod
    def is_in(bucket, path):
        return f"/b/{bucket}/o" in path

    def put(self, name, content, checksum=True, bucket="store"):
        url = f"{self.url}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={urllib.parse.quote(name, safe='')}"
        kind = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(url, content, kind, method="POST"), timeout=60).close()

    def endpoint(self, url):
        return {"STORAGE_EMULATOR_HOST": url}

    @staticmethod
    def reads(query):
        return "alt=media" in query


class AzPlace(Place):
    scheme, root, bucket = f"az://{ACCOUNT}/", f"az://{ACCOUNT}/store", f"/{ACCOUNT}/store/"
    denied, expired = "AuthorizationPermissionMismatch:403", "InvalidAuthenticationInfo:401"

    def __init__(self, cli, one):
        super().__init__(cli, one.url.removesuffix("/" + ACCOUNT))
        self.one = one

    def create(self, bucket):
        self.one.request("PUT", f"/{bucket}?restype=container")

    def read(self, name, bucket):
        return self.one.request("GET", f"/{bucket}/{urllib.parse.quote(name)}")

    def names(self, prefix, bucket):
        listing = self.one.request("GET", f"/{bucket}?restype=container&comp=list&prefix={urllib.parse.quote(prefix)}").decode()
        return [name.removeprefix(prefix) for name in re.findall("<Name>([^<]*)</Name>", listing)]

    @staticmethod
    def is_in(bucket, path):
        return path.startswith(f"/{ACCOUNT}/{bucket}/")

    def put(self, name, content, checksum=False, bucket="store"):
        kind = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        if checksum:
            kind["x-ms-meta-baton_crc32c"] = base64.b64encode(struct.pack(">I", crc32c(content))).decode()
        self.one.request("PUT", f"/{bucket}/{urllib.parse.quote(name)}", kind, content)

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
