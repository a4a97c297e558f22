"""An HTTP proxy in front of a server that breaks things on purpose, by a plan.

    with FaultProxy("http://127.0.0.1:5000", plan) as proxy: … proxy.url …

`plan(number, method, path, headers)` names the fault of each request, or None. Faults:

    reset_request:N   a TCP reset after N bytes of the request's body ("middle": half of it, "last": all but one); the
                      server sees nothing of it
    reset_reply:N     the request takes effect; N bytes of the reply, never all, then a TCP reset
    truncate:N        the request takes effect; N bytes of the reply, never all, then an orderly end
    hang              the server sees nothing of it, and nothing is answered before `released` is set
    lost              the request takes effect; the connection is closed without a reply
    duplicate         the request reaches the server twice; the first reply counts
    drip, drip:MS     the reply comes in 20 pieces with pauses, of 5 ms or so many
    corrupt           one bit of the reply's body is turned
    503, 503:1, …     that status instead of an answer: 500 InternalError, 503 ServiceUnavailable, others as a load balancer's
                      page. With Retry-After where a number of seconds follows, or "date": 2 s from now, as a date
    CODE, CODE:403    an error with that code ("ExpiredToken"), status 400 or the one that follows
"""
import http.client
import http.server
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from email.utils import formatdate, parsedate_to_datetime

from local_server import LocalServer

CODES = {500: "InternalError", 503: "ServiceUnavailable"}
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


def xml_errors(_status, code):
    """S3's."""
    return "application/xml", f"<Error><Code>{code}</Code><Message>made up by the test</Message></Error>".encode()


class Reset(Exception):
    """The connection is to be reset."""


class FaultProxy(LocalServer):
    """Thread-safe. `seen` counts faults by name, `faults` by all that the plan said ("truncate:200"); `skew_seconds` is how far the service's clock is ahead, and `skewed` how
    many requests were refused for that; `upload_rate` is how many bytes a second all requests' bodies together take, None: as
    many as there are."""

    def __init__(self, upstream, plan, skew_seconds=0, errors=xml_errors, upload_rate=None):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.plan, self.skew, self.errors = plan, skew_seconds, errors
        self.lock = threading.Lock()
        self.line, self.upload_rate = threading.Lock(), upload_rate
        self.number, self.seen, self.faults, self.skewed = 0, {}, {}, 0
        self.released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                try:
                    outer.serve(self)
                except (Reset, ConnectionError, socket.timeout):
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def date_time_string(self, timestamp=None):
                return formatdate(time.time() + outer.skew, usegmt=True)

            def log_message(self, *_):
                pass

        super().__init__(Handler)

    def __exit__(self, *what):
        self.released.set()
        super().__exit__(*what)

    def choose(self, handler):
        with self.lock:
            number = self.number
            self.number += 1
            fault = self.plan(number, handler.command, handler.path, handler.headers)
            if fault:
                name = fault.split(":")[0]
                self.seen[name] = self.seen.get(name, 0) + 1
                self.faults[fault] = self.faults.get(fault, 0) + 1
            return fault

    def serve(self, handler):
        name, _, amount = (self.choose(handler) or "").partition(":")
        size = int(handler.headers.get("Content-Length") or 0)
        if name == "reset_request":
            handler.rfile.read({"middle": size // 2, "last": size - 1}[amount] if amount.isalpha() else min(size, int(amount)))
            self.reset(handler)
        body = handler.rfile.read(size)
        if len(body) < size:
            raise Reset
        if self.upload_rate and size:
            with self.line:
                time.sleep(size / self.upload_rate)
        if name == "hang":
            self.released.wait()
            raise Reset
        if self.is_skewed(handler):
            self.skewed += 1
            return self.error(handler, 403, "RequestTimeTooSkewed" if handler.headers.get("X-Amz-Date") else "AuthenticationFailed")
        if name.isdigit():
            later = formatdate(time.time() + self.skew + 2, usegmt=True) if amount == "date" else amount
            return self.error(handler, int(name), CODES.get(int(name)), {"Retry-After": later} if amount else {})
        if name and name[0].isupper():
            return self.error(handler, int(amount or 400), name)
        reply = self.forward(handler, body)
        if name == "duplicate":
            self.forward(handler, body)
        self.answer(handler, reply, name, int(amount or 0))

    def is_skewed(self, handler):
        stamp, azure = handler.headers.get("X-Amz-Date"), handler.headers.get("x-ms-date")
        if not self.skew or not (stamp or azure):
            return False
        signed = (parsedate_to_datetime(azure).timestamp() if azure else
                  time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.timezone)
        return abs(signed - (time.time() + self.skew)) > 900

    def forward(self, handler, body):
        connection = (http.client.HTTPSConnection(self.upstream.hostname, self.upstream.port, timeout=60,
                                                  context=ssl._create_unverified_context())
                      if self.upstream.scheme == "https" else
                      http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=60))
        try:
            connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for key, value in handler.headers.items():
                connection.putheader(key, value)
            connection.endheaders(body or None)
            reply = connection.getresponse()
            return reply.status, reply.reason, reply.getheaders(), reply.read()
        finally:
            connection.close()

    def answer(self, handler, reply, fault, amount):
        status, reason, headers, body = reply
        if fault == "lost":
            raise Reset
        length = dict((k.lower(), v) for k, v in headers).get("content-length", str(len(body)))
        if fault == "corrupt" and body:
            body = body[:len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1:]
        head = f"HTTP/1.1 {status} {reason}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in headers if k.lower() not in HOP | ({"date"} if self.skew else set()))
        if self.skew:
            head += f"Date: {handler.date_time_string()}\r\n"
        head += f"Content-Length: {length if handler.command == 'HEAD' else len(body)}\r\n\r\n"
        data = head.encode("latin-1") + (b"" if handler.command == "HEAD" else body)
        if fault == "drip":
            for start in range(0, len(data), max(1, len(data) // 20)):
                handler.wfile.write(data[start:start + max(1, len(data) // 20)])
                handler.wfile.flush()
                time.sleep((amount or 5) / 1000)
            return
        if fault in ("reset_reply", "truncate"):
            handler.wfile.write(data[:min(amount, len(data) - 1)])
            handler.wfile.flush()
            if fault == "reset_reply":
                self.reset(handler)
            raise Reset
        handler.wfile.write(data)
        handler.wfile.flush()

    @staticmethod
    def reset(handler):
        """SO_LINGER 0: closing sends RST."""
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Reset

    def error(self, handler, status, code, headers=None):
        kind, body = self.errors(status, code) if code else ("text/html", b"<html>not now</html>")
        if handler.command == "HEAD":
            body = b""
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for key, value in (headers or {}).items():
            handler.send_header(key, value)
        if code:
            handler.send_header("x-ms-error-code", code)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
