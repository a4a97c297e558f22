#!/usr/bin/env python3
"""A stand-in for Google Cloud Storage: the part of its JSON API that stores, clients and transfers use, in memory.

    tests/gcs_server.py [BUCKET…]    serves on a free port of 127.0.0.1 until it is ended; prints its URL

Written to the documentation, and strict: what is not documented for a method is refused with 400.

    https://cloud.google.com/storage/docs/json_api                      addressing, common parameters, partial responses
    https://cloud.google.com/storage/docs/json_api/v1/objects           insert, get, list, delete, compose, the resource
    https://cloud.google.com/storage/docs/json_api/v1/status-codes      errors
    https://cloud.google.com/storage/docs/uploading-objects             media, multipart (RFC 2387)
    https://cloud.google.com/storage/docs/performing-resumable-uploads  sessions, 308, Range
    https://cloud.google.com/storage/docs/request-preconditions         generations
    https://cloud.google.com/storage/docs/objects                       names
    https://cloud.google.com/storage/docs/data-validation               crc32c, md5
"""
import base64
import contextlib
import ctypes
import hashlib
import http.server
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from local_server import LocalServer

COMMON = {"alt", "fields", "key", "prettyPrint", "quotaUser", "userProject", "uploadType", "upload_id", "projection"}
CONDITIONS = {"ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch"}
MAX_SOURCES = 32
MAX_NAME = 1024
CHUNK = 256 << 10  # of a resumable upload: all chunks but the last are multiples of it
REASONS = {400: "invalid", 401: "authError", 403: "forbidden", 404: "notFound", 405: "methodNotAllowed", 409: "conflict",
           411: "required", 412: "conditionNotMet", 416: "requestedRangeNotSatisfiable", 429: "rateLimitExceeded",
           500: "internalError", 503: "backendError"}

CRC_SOURCE = """
#include <stddef.h>
#include <stdint.h>
uint32_t crc32c(const unsigned char* bytes, size_t size) {
  static uint32_t table[256];
  if (!table[1])
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
      table[i] = c;
    }
  uint32_t crc = 0xffffffffu;
  while (size--) crc = crc >> 8 ^ table[(crc ^ *bytes++) & 255];
  return ~crc;
}
"""


def load_crc32c():
    """RFC 3720, B.4. Python has none, and one written in it takes a second for each MB."""
    with tempfile.TemporaryDirectory(prefix="baton-crc32c-") as directory:
        library = pathlib.Path(directory) / "crc32c.so"
        subprocess.run(["cc", "-x", "c", "-O2", "-shared", "-fPIC", "-o", library, "-"], input=CRC_SOURCE, text=True, check=True)
        function = ctypes.CDLL(str(library)).crc32c
    function.restype, function.argtypes = ctypes.c_uint32, [ctypes.c_char_p, ctypes.c_size_t]
    assert function(b"123456789", 9) == 0xE3069283
    return lambda data: function(data, len(data))


class Refused(Exception):
    """An error reply."""

    def __init__(self, status, message, reason=None):
        super().__init__(message)
        self.status, self.message, self.reason = status, message, reason or REASONS[status]

    def body(self):
        error = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [error]}}


def selection(fields):
    """A partial response's fields, "a,b(c,d/e)", as a tree; an empty one is everything."""
    tree, rest = {}, fields
    while rest:
        found = re.match(r"([\w-]+|\*)", rest)
        if not found:
            raise Refused(400, f"Invalid field selection {rest}", "invalidParameter")
        name, rest, inner = found.group(), rest[found.end():], ""
        if rest.startswith("("):
            depth = end = 0
            for end, c in enumerate(rest):
                depth += (c == "(") - (c == ")")
                if depth == 0:
                    break
            inner, rest = rest[1:end], rest[end + 1:]
        elif rest.startswith("/"):
            inner, _, rest = rest[1:].partition(",")
            rest = rest and "," + rest
        tree.setdefault(name, {}).update(selection(inner))
        if rest and not rest.startswith(","):
            raise Refused(400, f"Invalid field selection {rest}", "invalidParameter")
        rest = rest[1:]
    return tree


def project(tree, value):
    if isinstance(value, list):
        return [project(tree, one) for one in value]
    if not tree or not isinstance(value, dict):
        return value
    return {key: project(tree.get(key, tree.get("*")), one) for key, one in value.items() if key in tree or "*" in tree}


def multipart_related(kind, body):
    """(metadata, content type, media) of a body of two parts."""
    found = re.search(r'boundary=["\']?([^"\';]+)', kind)  # gcloud writes apostrophes
    if not kind.startswith("multipart/related") or not found:
        raise Refused(400, "Malformed multipart body.", "badRequest")
    boundary = b"--" + found.group(1).encode()
    # The media may hold anything but the boundary on a line of its own.
    pieces = re.split(rb"(?:^|\r?\n)" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|$)", body)
    if len(pieces) != 7 or pieces[0].strip() or pieces[5] != b"--":
        raise Refused(400, "Malformed multipart body.", "badRequest")
    parts = []
    for piece in (pieces[2], pieces[4]):
        head, blank, content = re.match(rb"((?:[^\r\n]+\r?\n)*)(\r?\n)(.*)$", piece, re.S).groups()
        kind = re.search(rb"content-type:\s*([^\r\n]+)", head, re.I)
        assert blank
        parts.append((kind.group(1).decode() if kind else "", content))
    if not parts[0][0].startswith("application/json"):
        raise Refused(400, "The first part is no JSON.", "badRequest")
    return parts[0][1], parts[1][0], parts[1][1]


class GcsServer(LocalServer):
    """In memory, on a port of its own. Thread-safe. `tokens`: those that are accepted; None: anybody is."""

    def __init__(self, buckets=(), tokens=None):
        self.crc32c = load_crc32c()
        self.lock = threading.Lock()
        self.buckets = {name: {} for name in buckets}
        self.sessions, self.tokens = {}, tokens
        self.generation, self.asked = int(time.time() * 1e6), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16
            disable_nagle_algorithm = True

            def handle_any(self):
                outer.serve(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        super().__init__(Handler)

    # One request.

    def serve(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        media = False
        try:
            if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = read_chunked(handler.rfile)
            else:
                if handler.command in ("POST", "PUT", "PATCH") and handler.headers.get("Content-Length") is None:
                    raise Refused(411, "POST requests require a Content-length header.")
                size = int(handler.headers.get("Content-Length") or 0)
                body = handler.rfile.read(size)
                if len(body) < size:
                    raise ConnectionError
            query = {k: v[-1] for k, v in urllib.parse.parse_qs(url.query, keep_blank_values=True, strict_parsing=bool(url.query)).items()}
            media = query.get("alt") == "media"
            with self.lock:
                self.asked.append((handler.command, handler.path))
            self.authorize(handler)
            status, headers, reply = self.route(handler, url.path, query, body)
            if isinstance(reply, (dict, list)):
                reply = project(selection(query.get("fields", "")), reply)
        except Refused as refused:
            status, headers, reply = refused.status, {}, refused.body()
            if media:  # as the service does for downloads
                headers, reply = {"Content-Type": "text/plain"}, refused.message.encode()
        self.answer(handler, status, headers, reply)

    @staticmethod
    def answer(handler, status, headers, reply):
        if not isinstance(reply, bytes):
            headers, reply = {"Content-Type": "application/json; charset=UTF-8", **headers}, json.dumps(reply).encode()
        handler.send_response(status)
        for key, value in headers.items():
            handler.send_header(key, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(reply)))
        handler.end_headers()
        if handler.command != "HEAD" and status != 204:
            handler.wfile.write(reply)
        handler.wfile.flush()

    def authorize(self, handler):
        if self.tokens is None:
            return
        scheme, _, token = handler.headers.get("Authorization", "").partition(" ")
        if not scheme:
            raise Refused(401, "Anonymous caller does not have storage.objects access to the Google Cloud Storage bucket.", "required")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "Invalid Credentials")

    def route(self, handler, path, query, body):
        path = path.removeprefix("/download")
        found = re.fullmatch(r"(/upload)?(?:/resumable)?/storage/v1/b(?:/([^/]+))?(?:/o)?(?:/([^/]+))?(?:/(compose))?", path)
        if not found:
            raise Refused(404, "Not Found")
        upload, bucket, name, action = found.groups()
        bucket, name = (urllib.parse.unquote(x, errors="strict") if x else None for x in (bucket, name))
        if not bucket:
            return self.make_bucket(handler, query, body)
        if bucket not in self.buckets:
            raise Refused(404, "The specified bucket does not exist.")
        if upload:
            return self.upload(handler, bucket, query, body)
        if action:
            return self.compose(bucket, name, query, body)
        if name is None:
            if handler.command != "GET":
                raise Refused(405, "Method Not Allowed")
            if path.endswith("/o"):
                return self.list(bucket, query)
            return 200, {}, {"kind": "storage#bucket", "name": bucket, "id": bucket, "location": "EU", "storageClass": "STANDARD",
                             "metageneration": "1", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        if handler.command in ("GET", "HEAD"):
            return self.get(handler, bucket, name, query)
        if handler.command == "DELETE":
            return self.delete(bucket, name, query)
        raise Refused(405, "Method Not Allowed")

    @staticmethod
    def allow(query, *known):
        for key in query:
            if key not in COMMON and key not in known:
                raise Refused(400, f"Unknown parameter {key}", "invalidParameter")

    def make_bucket(self, handler, query, body):
        if handler.command != "POST":
            raise Refused(405, "Method Not Allowed")
        self.allow(query, "project", "predefinedAcl", "predefinedDefaultObjectAcl")
        name = json.loads(body)["name"]
        with self.lock:
            if name in self.buckets:
                raise Refused(409, "Your previous request to create the named bucket succeeded and you already own it.")
            self.buckets[name] = {}
        return 200, {}, {"kind": "storage#bucket", "name": name, "id": name}

    # Objects. Each is (resource, bytes).

    @staticmethod
    def match(query, there, prefix=""):
        """Preconditions; `there`: the present object's resource, or None."""
        generation = there["generation"] if there else "0"
        meta = there["metageneration"] if there else "0"
        for key, present in (("ifGeneration", generation), ("ifMetageneration", meta)):
            wanted = query.get(prefix + key + "Match")
            if wanted is not None and not wanted.isdigit():
                raise Refused(400, f"Invalid value for {key}Match: {wanted}")
            if wanted is not None and wanted != present:
                raise Refused(412, "At least one of the pre-conditions you specified did not hold.")
            unwanted = query.get(prefix + key + "NotMatch")
            if unwanted is not None and unwanted == present:
                raise Refused(304 if there else 412, "Not Modified", "notModified")

    def find(self, bucket, name, query):
        there = self.buckets[bucket].get(name)
        wanted = query.get("generation")
        if not there or (wanted and wanted != there[0]["generation"]):
            raise Refused(404, f"No such object: {bucket}/{name}")
        self.match(query, there[0])
        return there

    @staticmethod
    def check_name(name):
        data = (name or "").encode()
        if not 1 <= len(data) <= MAX_NAME or name in (".", "..") or "\r" in name or "\n" in name:
            raise Refused(400, "Invalid object name.")

    def store(self, bucket, name, data, metadata, query, kind):
        """Verifies, then keeps; the lock makes conditions and writes one step."""
        self.check_name(name)
        crc = base64.b64encode(self.crc32c(data).to_bytes(4, "big")).decode()
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        for what, told, real in (("CRC32C", metadata.get("crc32c"), crc), ("MD5 hash", metadata.get("md5Hash"), md5)):
            if told is not None and told != real:
                raise Refused(400, f'Provided {what} "{told}" doesn\'t match calculated {what} "{real}".')
        with self.lock:
            there = self.buckets[bucket].get(name)
            self.match(query, there[0] if there else None)
            self.generation += 1
            now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
            resource = {"kind": "storage#object", "id": f"{bucket}/{name}/{self.generation}", "name": name, "bucket": bucket,
                        "selfLink": f"{self.url}/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}",
                        "mediaLink": f"{self.url}/download/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}?generation={self.generation}&alt=media",
                        "generation": str(self.generation), "metageneration": "1", "storageClass": "STANDARD",
                        "contentType": metadata.get("contentType") or kind or "application/octet-stream",
                        "size": str(len(data)), "crc32c": crc, "etag": f"C{self.generation}", "timeCreated": now, "updated": now}
            if kind is not False:  # composite objects have none
                resource["md5Hash"] = md5
            if "metadata" in metadata:
                resource["metadata"] = metadata["metadata"]
            self.buckets[bucket][name] = (resource, data)
        return resource

    def upload(self, handler, bucket, query, body):
        self.allow(query, "name", "contentEncoding", "predefinedAcl", *CONDITIONS)
        kind, how = handler.headers.get("Content-Type", ""), query.get("uploadType")
        if handler.command == "PUT" or "upload_id" in query:
            return self.resume(handler, query, body)
        if handler.command != "POST":
            raise Refused(405, "Method Not Allowed")
        if how == "media":
            return 200, {}, self.store(bucket, query.get("name"), body, self.hashes(handler), query, kind)
        if how == "multipart":
            text, kind, data = multipart_related(kind, body)
            metadata = self.metadata(text)
            return 200, {}, self.store(bucket, query.get("name") or metadata.get("name"), data, metadata, query, kind)
        if how == "resumable":
            metadata = self.metadata(body) if body else {}
            name = query.get("name") or metadata.get("name")
            self.check_name(name)
            with self.lock:
                session = f"session-{len(self.sessions)}-{self.generation}"
                kind = handler.headers.get("X-Upload-Content-Type", "")
                self.sessions[session] = {"bucket": bucket, "name": name, "metadata": metadata, "query": query, "data": b"", "kind": kind}
            where = f"http://{handler.headers['Host']}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"
            return 200, {"Location": where, "X-GUploader-UploadID": session}, b""
        raise Refused(400, "Unknown uploadType.", "badRequest")

    @staticmethod
    def metadata(text):
        try:
            metadata = json.loads(text)
        except ValueError:
            raise Refused(400, "Parse Error", "parseError") from None
        if not isinstance(metadata, dict):
            raise Refused(400, "Parse Error", "parseError")
        return metadata

    @staticmethod
    def hashes(handler):
        """x-goog-hash: crc32c=…,md5=…"""
        told = dict(item.strip().split("=", 1) for item in handler.headers.get("X-Goog-Hash", "").split(",") if "=" in item)
        return {name: told[key] for key, name in (("crc32c", "crc32c"), ("md5", "md5Hash")) if key in told}

    def resume(self, handler, query, body):
        session = self.sessions.get(query.get("upload_id"))
        if not session:
            raise Refused(404, "No such upload.")
        told = re.fullmatch(r"bytes (?:(\d+)-(\d+|\*)|\*)/(\d+|\*)", handler.headers.get("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}"))
        if "done" in session:
            return 200, {}, session["done"]
        if not told and body:
            raise Refused(400, "Failed to parse Content-Range header.")
        first, last, total = told.groups() if told else (None, None, "0")
        if last == "*":  # a stream: what comes is all that is left
            last = str(int(first) + len(body) - 1)
            total = str(int(first) + len(body))
        if first is not None:
            if int(first) != len(session["data"]) or int(last) - int(first) + 1 != len(body):
                raise Refused(503, "The offset is not what was stored.")
            if total == "*" and len(body) % CHUNK:
                raise Refused(400, f"The chunk is no multiple of {CHUNK} bytes.")
            session["data"] += body
        if total == "*" or int(total) > len(session["data"]):
            held = len(session["data"])
            return 308, {"Range": f"bytes=0-{held - 1}"} if held else {}, b""
        metadata = {**session["metadata"], **self.hashes(handler)}
        session["done"] = self.store(session["bucket"], session["name"], session["data"], metadata, session["query"], session["kind"])
        return 200, {}, session["done"]

    def get(self, handler, bucket, name, query):
        self.allow(query, "generation", *CONDITIONS)
        resource, data = self.find(bucket, name, query)
        if query.get("alt", "json") == "json":
            return 200, {"ETag": resource["etag"]}, resource
        if query["alt"] != "media":
            raise Refused(400, f"Invalid alt value: {query['alt']}", "invalidAltValue")
        headers = {"Content-Type": resource["contentType"], "ETag": resource["etag"], "x-goog-generation": resource["generation"],
                   "x-goog-metageneration": resource["metageneration"], "x-goog-stored-content-length": resource["size"],
                   "x-goog-stored-content-encoding": "identity", "x-goog-storage-class": "STANDARD",
                   "x-goog-hash": f"crc32c={resource['crc32c']}" + (f",md5={resource['md5Hash']}" if "md5Hash" in resource else "")}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        if not wanted:
            return 200, headers, data
        first, last = int(wanted.group(1)), int(wanted.group(2) or len(data) - 1)
        if first >= len(data):
            return 416, {"Content-Range": f"bytes */{len(data)}", "Content-Type": "text/plain"}, b"The requested range cannot be satisfied."
        piece = data[first:last + 1]
        return 206, {**headers, "Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(data)}"}, piece

    def delete(self, bucket, name, query):
        self.allow(query, "generation", *CONDITIONS)
        with self.lock:
            self.find(bucket, name, query)
            del self.buckets[bucket][name]
        return 204, {}, b""

    def compose(self, bucket, name, query, body):
        self.allow(query, "ifGenerationMatch", "ifMetagenerationMatch", "destinationPredefinedAcl", "kmsKeyName")
        request = self.metadata(body)
        sources = request.get("sourceObjects")
        if not isinstance(sources, list) or not 1 <= len(sources) <= MAX_SOURCES:
            raise Refused(400, f"The number of source components provided ({len(sources or [])}) is not 1 to {MAX_SOURCES}.")
        data = b""
        for source in sources:
            conditions = dict(source.get("objectPreconditions", {}), **({"generation": source["generation"]} if "generation" in source else {}))
            data += self.find(bucket, source["name"], conditions)[1]
        return 200, {}, self.store(bucket, name, data, request.get("destination", {}), query, False)

    def list(self, bucket, query):
        self.allow(query, "prefix", "delimiter", "maxResults", "pageToken", "startOffset", "endOffset", "includeTrailingDelimiter",
                   "versions", "includeFoldersAsPrefixes", "matchGlob")
        prefix, delimiter, most = query.get("prefix", ""), query.get("delimiter", ""), int(query.get("maxResults", 1000))
        if most < 1 or "matchGlob" in query:
            raise Refused(400, "Invalid maxResults.")
        after = base64.urlsafe_b64decode(query["pageToken"]).decode() if query.get("pageToken") else None
        start, end = query.get("startOffset", "").encode(), query.get("endOffset", "").encode()
        with self.lock:
            names = sorted(self.buckets[bucket], key=str.encode)
            objects = {name: self.buckets[bucket][name][0] for name in names}
        items, prefixes, last = [], [], None
        for name in names:
            if not name.startswith(prefix) or name.encode() < start or (end and name.encode() >= end):
                continue
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            entry = name[:cut + len(delimiter)] if cut >= 0 else name
            if after is not None and (entry.encode() <= after.encode() or name.encode() <= after.encode()):
                continue
            if prefixes and prefixes[-1] == entry:
                continue
            if len(items) + len(prefixes) == min(most, 1000):
                token = base64.urlsafe_b64encode(last.encode()).decode()
                return 200, {}, {"kind": "storage#objects", "nextPageToken": token, **page(items, prefixes)}
            (prefixes if cut >= 0 else items).append(entry if cut >= 0 else objects[name])
            last = entry
        return 200, {}, {"kind": "storage#objects", **page(items, prefixes)}


def page(items, prefixes):
    """Empty lists are left out."""
    return {**({"items": items} if items else {}), **({"prefixes": prefixes} if prefixes else {})}


def read_chunked(stream):
    body = b""
    while True:
        size = int(stream.readline().split(b";")[0], 16)
        body += stream.read(size)
        stream.readline()
        if size == 0:
            return body


@contextlib.contextmanager
def gcs_process(*buckets):
    """Yields the URL of a server in a process of its own; ends it afterwards."""
    server = subprocess.Popen([sys.executable, __file__, *buckets], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.communicate()


def main():
    with GcsServer(sys.argv[1:]) as server:
        print(server.url, flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
