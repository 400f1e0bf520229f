"""An agent over HTTP, with the standard library only: it counts the words of a text, at once or later."""

import base64
import hmac
import json
import os
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["AGENT_SECRET"].removeprefix("whsec_"))


class Agent(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_from_phasegate(self.headers, body):
            self.answer(401, {"title": "The signature does not fit."})
        elif (work := json.loads(body))["params"].get("later"):
            self.answer(202, {"within": 60})
            threading.Thread(target=finish_later, args=(work,)).start()
        else:
            self.answer(200, {"result": count(work["params"])})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def count(params):
    return {"words": len(params["text"].split())}


def finish_later(work):
    post(work["callback"] + "/heartbeat", {"details": {"counting": True}})
    post(work["callback"] + "/complete", {"result": count(work["params"])})


def post(url, document):
    request = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()


def is_from_phasegate(headers, body):
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
    fits = any(hmac.compare_digest(expected, each) for each in headers["webhook-signature"].split())
    return fits and abs(time.time() - int(headers["webhook-timestamp"])) < 300


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Agent)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
