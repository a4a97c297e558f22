"""A scripted metadata server for the tests: AWS IMDSv2, as its documentation describes it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""
import datetime
import http.server
import json

from local_server import LocalServer


class Aws(LocalServer):
    """`with Aws() as aws: … aws.interrupt(seconds=120)`. Thread-safe."""

    def __init__(self):
        self.action = None
        self.broken = False
        self.requests = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body="", kind="text/plain"):
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_PUT(self):
                outer.requests += 1
                if outer.broken:
                    return self.reply(500, "oops")
                if self.path != "/latest/api/token" or self.headers.get("X-Forwarded-For"):
                    return self.reply(403)
                return self.reply(200, "a-token")

            def do_GET(self):
                outer.requests += 1
                if outer.broken:
                    return self.reply(500, "oops")
                if self.headers.get("X-aws-ec2-metadata-token") != "a-token":
                    return self.reply(401, "<html>401 - Unauthorized</html>", "text/html")
                if self.path == "/latest/meta-data/spot/instance-action" and outer.action:
                    return self.reply(200, json.dumps(outer.action), "application/json")
                return self.reply(404, "<html>404 - Not Found</html>", "text/html")

            def log_message(self, *_):
                pass

        super().__init__(Handler)

    def interrupt(self, seconds, action="terminate"):
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        self.action = {"action": action, "time": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
