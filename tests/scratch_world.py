"""A world of its own for tests/test_scratch.py: a network with nothing but a name server and a web server.

Runs inside new user, network and mount namespaces. Arguments: root filesystem, URL, certificate file, "NAME=VALUE" for the
environment. Answers every A query with 127.0.0.1, serves HTTPS on port 443, runs /baton in the root filesystem and
ends with its exit status; standard output is baton's.
"""

import fcntl
import http.server
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading

PAGE = b"from scratch\n" * 1000


def loopback_up():
    """SIOCSIFFLAGS with IFF_UP | IFF_RUNNING: what `ip link set lo up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))


def serve_names(s):
    while True:
        query, peer = s.recvfrom(512)
        end = 12
        while query[end]:
            end += query[end] + 1
        question = query[12:end + 5]
        is_a = question[-4:-2] == b"\0\1"
        answer = b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 60, 4, bytes([127, 0, 0, 1])) if is_a else b""
        s.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if is_a else 0, 0, 0) + question + answer, peer)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


def main(root, url, certificate, *variables):
    loopback_up()
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    for target, argument in ((serve_names, (names,)), (web.serve_forever, ())):
        threading.Thread(target=target, args=argument, daemon=True).start()
    environment = dict(v.split("=", 1) for v in variables)

    def enter():
        os.chroot(root)
        os.chdir("/")

    return subprocess.run(["/baton", "selftest-net", url], preexec_fn=enter, env=environment, timeout=60).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
