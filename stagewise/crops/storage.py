"""Objects of a bucket, read in place: each fetched whole, and proven whole before anything is made of it.

No S3 client does that by itself: of a body that ends early under a length that says so, or that has a flipped bit, all
of them return what came, without an error.
"""

import hashlib
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

from stagewise.files.paths import BUCKET
from stagewise.messages.errors import InputError, StagewiseError
from stagewise.video.decoding import VideoError
from stagewise.video.held import Held

ADDRESS = re.compile(rf"{BUCKET}([A-Za-z0-9][A-Za-z0-9._-]+)(?:/(.*?))?/*")
MD5 = re.compile("[0-9a-f]{32}")  # of an object that was put in parts the ETag is no MD5, and has a dash
TRIES = 3  # of a content that does not agree, or of a failure that obstore does not try again
LONGEST_PAUSE = 1.0  # seconds between two of them, drawn from 0 up, so that workers do not come together
LARGEST_BYTES = 1 << 29  # ours, of a video, which is in memory whole: 150 times the competition's mean
# a try ends within a minute, so that a storm of 503 ends the run within three: S3's own advice is to come back later,
# each at a time of its own, which the backoff's jitter is for
RETRY = {
    "max_retries": 10,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=15), "base": 2.0},
}
# the second is of the whole body: a slow line may be slow, a dead one is known by the first
CLIENT = {"read_timeout": timedelta(seconds=30), "timeout": timedelta(seconds=600)}
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# files of ~/.aws are not read; this is how their owner gets the variables
KEYS = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) of somebody who may read it, and AWS_REGION: "
    'eval "$(aws configure export-credentials --format env)"'
)
PUBLIC = "if the bucket is public, add --unsigned; else"
# any of these tells who asks; else a machine of the cloud's may be asked who it is, which another machine has not
SIGNERS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)
METADATA = "http://169.254.169.254"


@dataclass(frozen=True)
class Bucket:
    """A bucket, or the part of it below a prefix. url: s3://bucket/prefix; unsigned: ask without saying who asks."""

    url: str
    unsigned: bool = False

    def __post_init__(self) -> None:
        found = ADDRESS.fullmatch(self.url)
        if not found or {".", ".."} & {*(found[2] or "").split("/")}:
            raise InputError(f"--input {self.url!r} is no address of a bucket; it must be as s3://bucket/prefix")

    def require_signer(self) -> None:
        """Raise StagewiseError where nothing says who asks; obstore would look for minutes, for each object."""
        if self.unsigned or any(os.environ.get(variable) for variable in SIGNERS):
            return
        place = urlsplit(os.environ.get("AWS_METADATA_ENDPOINT") or METADATA)
        try:
            socket.create_connection((place.hostname, place.port or 80), timeout=2).close()
        except OSError as error:
            raise StagewiseError(
                f"{self.url} may not be read without a signature, and no AWS_ACCESS_KEY_ID is set; {PUBLIC} set {KEYS}"
            ) from error

    def address(self, key: str) -> str:
        """An object's, for messages."""
        return f"{self.url.rstrip('/')}/{key}"

    def listed(self, folder: str) -> dict[str, tuple[str, int]]:
        """All objects below the prefix and a folder: each one's key behind that folder, its etag, and its bytes.

        Raises OSError where the bucket does not answer, StagewiseError where it refuses.
        """
        with _refusals(self, self.address(f"{folder}/")):
            try:
                chunks = obstore.list(_store(self), prefix=f"{folder}/", chunk_size=1000)
                return {
                    found["path"].removeprefix(f"{folder}/"): (_etag(found), found["size"])
                    for chunk in chunks
                    for found in chunk
                }
            except exceptions.GenericError as error:
                raise OSError(_lost(self.address(f"{folder}/"), str(error))) from error


@dataclass(frozen=True)
class Stored:
    """A video in a bucket. key: its name behind the prefix; etag, size: what a listing said of it, if there was one."""

    bucket: Bucket
    key: str
    etag: str = ""
    size: int | None = None

    @property
    def name(self) -> str:
        """The video's file name."""
        return self.key.rpartition("/")[2]

    def __str__(self) -> str:
        return self.bucket.address(self.key)

    def fetch(self) -> Held:
        """The whole object, compared with its MD5 where the store tells it, else with its size.

        Raises InputError where there is no such object, StagewiseError where the bucket refuses it, OSError where it
        cannot be had whole in `TRIES` tries, VideoError where it is larger than `LARGEST_BYTES`.
        """
        problem = ""
        for number in range(TRIES):
            time.sleep(LONGEST_PAUSE * random.random() * bool(number))
            with _refusals(self.bucket, str(self)):
                try:
                    held, problem = self._tried()
                except exceptions.GenericError as error:
                    problem = str(error)
                    continue
            if not problem:
                return held
        raise OSError(_lost(str(self), f"{TRIES} tries did not give it whole: {problem}"))

    def _tried(self) -> tuple[Held, str]:
        """What one request gave, and what is wrong with it, or ""."""
        answer = obstore.get(_store(self.bucket), self.key)
        etag = _etag(answer.meta)
        if answer.meta["size"] > LARGEST_BYTES:
            raise VideoError(
                Held(str(self), b""),
                f"has {answer.meta['size']} bytes, and {LARGEST_BYTES >> 20} MiB are read from a bucket at most; copy "
                "it into a folder, and name that by --input",
            )
        held = Held(str(self), answer.bytes().to_bytes(), etag)
        if MD5.fullmatch(etag):
            found = hashlib.md5(held.content, usedforsecurity=False).hexdigest()
            other = f"its MD5 is {found}, and its ETag {etag}, which is none where the bucket encrypts by KMS"
            return held, "" if found == etag else other
        size = self._size(etag)
        return held, "" if len(held.content) == size else f"{len(held.content)} bytes came, and it has {size}"

    def _size(self, etag: str) -> int | None:
        """Its bytes by another answer than the one that brought it; None where it was replaced meanwhile."""
        if self.size is not None and self.etag == etag:
            return self.size
        told = obstore.head(_store(self.bucket), self.key)
        return told["size"] if _etag(told) == etag else None


@cache
def _store(bucket: Bucket) -> S3Store:
    """The connections of this process; region, endpoint and keys are those of the usual AWS variables."""
    name, prefix = ADDRESS.fullmatch(bucket.url).groups()
    endpoint = next((os.environ[variable] for variable in ENDPOINTS if os.environ.get(variable)), "")
    client = CLIENT | {"allow_http": endpoint.startswith("http://")}
    unsigned = {"skip_signature": True} if bucket.unsigned else {}
    return S3Store(name, prefix=prefix or None, client_options=client, retry_config=RETRY, **unsigned)


def _etag(told: dict[str, Any]) -> str:
    return (told["e_tag"] or "").strip('"')


@contextmanager
def _refusals(bucket: Bucket, url: str) -> Iterator[None]:
    """What a user can mend of the bucket's refusals."""
    try:
        yield
    except (FileNotFoundError, exceptions.NotFoundError) as error:  # obstore raises Python's own
        raise InputError(
            f"{url} is not there; correct --input, put the video there, or choose others: --only CSV"
        ) from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        way = "it is not public, or not there: leave --unsigned out, and" if bucket.unsigned else PUBLIC
        raise StagewiseError(f"{url} may not be read (the bucket refuses it); {way} set {KEYS}") from error


def _lost(url: str, problem: str) -> str:
    """A failure of the way as a message tells it, on one line; of asking the machine who it is, with what helps."""
    mend = f"; no key is set, and this machine has none to give: {PUBLIC} set {KEYS}" if METADATA in problem else ""
    return f"{url}: {' '.join(problem.partition('Debug source')[0].split())}{mend}"
