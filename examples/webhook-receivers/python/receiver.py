"""A receiver of Offpath's signed events: Python 3.8 or newer, nothing to install.

OFFPATH_WEBHOOK_SECRETS='whsec_...[ whsec_...]' PORT=8080 python3 receiver.py
"""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import os
import time

SECRETS = [
    base64.b64decode(secret[len("whsec_"):] if secret.startswith("whsec_") else secret)
    for secret in os.environ.get("OFFPATH_WEBHOOK_SECRETS", "").split()
]
TOLERANCE_SECONDS = 300
MAX_BODY_BYTES = 4 * 1024 * 1024
SEEN = collections.OrderedDict()


def verify(headers, body):
    """`body` must be the bytes as they came, not JSON written anew."""
    event_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split(" ")
    if not event_id or not (timestamp.isascii() and timestamp.isdigit()):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{event_id}.{timestamp}.".encode("latin-1") + body
    for secret in SECRETS:
        digest = hmac.new(secret, signed, hashlib.sha256).digest()
        expected = b"v1," + base64.b64encode(digest)
        if any(hmac.compare_digest(expected, given.encode("latin-1")) for given in signatures):
            return True
    return False


def handle(event):
    # Deliveries may repeat: do each id once. Remember the newest 10,000.
    if event["id"] in SEEN:
        return
    SEEN[event["id"]] = True
    if len(SEEN) > 10_000:
        SEEN.popitem(last=False)
    # A rehearsal is for the record only.
    print("simulated" if event["simulated"] else "received", event["type"], event["subject"], flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY_BYTES:
            self.send_error(413)
            return
        body = self.rfile.read(length)
        if not verify(self.headers, body):
            self.send_error(401)
            return
        handle(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
    print("listening", server.server_port, flush=True)
    server.serve_forever()
