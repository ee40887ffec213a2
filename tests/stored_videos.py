"""A bucket of videos on 127.0.0.1, behind a proxy that breaks answers as it is told."""

import http.client
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fault_proxy import FaultProxy
from moto.server import ThreadedMotoServer

BUCKET = "videos"
OURS = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20200101/us-east-1/s3/aws4_request"}
READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
PUBLIC = {"Version": "2012-10-17", "Statement": [READ]}
SETTINGS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@contextmanager
def bucket_server() -> Iterator[FaultProxy]:
    """An S3 server with an empty bucket `BUCKET`, which anybody may read, and a proxy before it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        with FaultProxy(server.get_host_and_port()[1]) as proxy:
            asked(proxy, "PUT", "")
            asked(proxy, "PUT", "?policy", json.dumps(PUBLIC).encode())
            yield proxy
    finally:
        server.stop()


def asked(proxy: FaultProxy, method: str, key: str, content: bytes = b"") -> bytes:
    """What the S3 server says to a request of our own, past the proxy.

    An object that is put so has no stored checksum, as those of 2020 have none: a client that would see a flipped bit
    by that alone does not see it here.
    """
    connection = http.client.HTTPConnection("127.0.0.1", proxy.upstream)
    try:
        connection.request(
            method,
            f"/{BUCKET}/{key}",
            body=content,
            headers={"Authorization": "AWS4-HMAC-SHA256 Credential=key/20200101/us-east-1/s3/aws4_request"},
        )
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status < 300, body
        return body
    finally:
        connection.close()
