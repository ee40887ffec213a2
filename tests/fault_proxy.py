"""A proxy on 127.0.0.1 before an S3 server, which breaks its answers as it is told."""

import http.client
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODES = {"503": "SlowDown", "500": "InternalError", "429": "TooManyRequests", "403": "AccessDenied", "404": "NoSuchKey"}
FAULTS = (  # of a GET; what they do is in `Answering`
    *CODES,
    *("reset", "closed", "silent", "reset inside", "closed inside", "silent inside"),
    *("shorter length", "no length, cut", "chunked, cut", "chunked, ended", "flipped bit", "range ignored"),
)
FOR_EVER = "*"  # the last entry of a list: what stands before it goes on


class FaultProxy:
    """A context manager: the proxy before the server of this port, with a port of its own.

    faults: by the object's key (or the name of a query's first field, such as `list-type`), what happens to the next
    answers, one each; asked: the method, path, Range and whether it was signed, of every request.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream, self.faults, self.asked = upstream, {}, []
        self.ended = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answering,), {"proxy": self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.ended.set()  # who is silent
        self.server.shutdown()
        self.server.server_close()

    def fault(self, path: str) -> str | None:
        """What is to happen to this request, which uses it up."""
        key = next((key for key in self.faults if key in path), None)
        waiting = self.faults.get(key) or [None]
        return waiting[0] if waiting[1:] == [FOR_EVER] else waiting.pop(0)


class Answering(BaseHTTPRequestHandler):
    """A connection; what is broken about an answer is broken about its bytes."""

    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def do_GET(self) -> None:
        fault = self.proxy.fault(self.path)
        signed = "Authorization" in self.headers
        self.proxy.asked.append((self.command, self.path, self.headers.get("Range"), signed))
        if fault in CODES:
            body = f"<Error><Code>{CODES[fault]}</Code><Message>{fault}</Message></Error>".encode()
            self._send(int(fault), [("Content-Length", str(len(body)))], body)
        elif fault in ("reset", "closed", "silent"):
            self._leave(fault)
        else:
            self._answer(fault)

    do_HEAD = do_GET

    def log_message(self, *words: object) -> None:
        """Nothing: the requests are in `asked`."""

    def _answer(self, fault: str | None) -> None:
        status, fields, body = self._from_upstream(without="range" if fault == "range ignored" else "")
        half, length = len(body) // 2, ("Content-Length", fields.pop("content-length", str(len(body))))
        if fault is None or fault == "range ignored":
            self._send(status, [*fields.items(), length], body)
        elif fault == "flipped bit":
            self._send(status, [*fields.items(), length], body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :])
        elif fault == "shorter length":
            self._send(status, [*fields.items(), ("Content-Length", str(half))], body[:half])
        elif fault == "no length, cut":
            self._send(status, [*fields.items(), ("Connection", "close")], body[:half])
            self._leave("closed")
        elif fault.startswith("chunked"):
            chunks = b"%x\r\n%b\r\n" % (half, body[:half]) + b"0\r\n\r\n" * (fault == "chunked, ended")
            self._send(status, [*fields.items(), ("Transfer-Encoding", "chunked")], chunks)
            self._leave("" if fault == "chunked, ended" else "closed")
        else:
            self._send(status, [*fields.items(), length], body[:half])
            self._leave(fault.removesuffix(" inside"))

    def _from_upstream(self, without: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", without)}
        connection.request(self.command, self.path, headers=kept)
        answer = connection.getresponse()
        dropped = ("connection", "transfer-encoding", "server", "date")
        fields = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in dropped}
        body = answer.read()
        connection.close()
        return answer.status, fields, body

    def _send(self, status: int, fields: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for field in fields:
            self.send_header(*field)
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    def _leave(self, how: str) -> None:
        """End the connection: by a reset, a proper end, or by saying nothing more."""
        if how == "silent":
            self.proxy.ended.wait(60)
        if how == "reset":
            time.sleep(0.05)  # so that what was sent comes first
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = bool(how)
