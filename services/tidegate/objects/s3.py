"""Objects in a bucket of any S3 with versioning and object lock; for the services where they run on Kubernetes.

The one place that imports `minio`. An object's key is `<first two hex digits>/<sha256>`, as in a folder.

Nothing half-written is ever visible, and nothing under a wrong name, without a second key to copy from: S3 shows an
object only once its upload is completed, and the stream we hand to the client refuses to end on another digest than the
key's. An upload whose stream refused is aborted; one that a crash cut short was never completed. A temporary key would
have left bytes behind that a bucket's default retention then keeps for years. Bytes that come without an announced hash
are measured in a file of this machine first, since their key is not known before their end.
"""

import hashlib
import io
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import MinioException, S3Error

from tidegate.model import TidegateError
from tidegate.model.names import SHA256, Frozen
from tidegate.objects.port import Stored

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from urllib3.response import BaseHTTPResponse

CHUNK: Final = 1024 * 1024
PART: Final = 8 * 1024 * 1024
IN_MEMORY: Final = PART
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 60.0
TRIES: Final = 3
SERVER_FAULT: Final = 500
MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchObject"})
# What the store says for "not now"; any other word of it is for an operator to act on.
FULL: Final = frozenset({"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})


class S3Place(Frozen):
    """Where the store is. Every call names the region: a write-only identity may not ask for it."""

    endpoint: str
    region: str
    ca_file: str = ""


@dataclass(frozen=True)
class S3Key:
    """The credential of one purpose. Its parts are shown by nothing."""

    access: str = field(repr=False)
    secret: str = field(repr=False)


def connect(place: S3Place, key: S3Key) -> Minio:
    """A client that gives up in bounded time, follows no redirects and reads no proxy from the environment.

    Raises:
        TidegateError: ``s3_endpoint_invalid``.
    """
    url = urlsplit(place.endpoint)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or not place.region:
        raise TidegateError(
            "s3_endpoint_invalid",
            f"{place.endpoint!r} in region {place.region!r} is not the address of an object store.",
            "Give it as https://host:port, and its region.",
        )
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        retries=urllib3.Retry(total=TRIES, redirect=False, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
        ssl_context=ssl.create_default_context(cafile=place.ca_file or None),
    )
    secure = url.scheme == "https"
    return Minio(url.netloc, key.access, key.secret, secure=secure, region=place.region, http_client=pool)


class S3Objects:
    """An `ObjectStore` on one bucket. Safe to use from many threads and processes at once.

    Beside the codes of the port every method may raise ``OBJECT_STORE_DOWN`` (try again later) and
    ``OBJECT_STORE_REFUSED`` (the credential may not do this, or the bucket is not there).
    """

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def check(self) -> None:
        """Refuse a bucket that would forget: for a service to call as it starts.

        Raises:
            TidegateError: ``OBJECT_STORE_UNSAFE`` where versions are not kept or no object can be locked.
        """
        with explained(self._bucket):
            versioned = self._client.get_bucket_versioning(self._bucket).status == ENABLED
        if not versioned or not self._lockable():
            raise TidegateError(
                "OBJECT_STORE_UNSAFE",
                f"The bucket {self._bucket} does not keep versions under object lock.",
                "Make it with object lock, which turns versioning on.",
            )

    def put(self, stream: BinaryIO, expected_sha256: str | None = None, max_bytes: int | None = None) -> Stored:
        if expected_sha256 is not None:
            return self._upload(Measured(stream, max_bytes, expected_sha256), expected_sha256)
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            measured = Measured(stream, max_bytes)
            while chunk := measured.read(CHUNK):
                spool.write(chunk)
            spool.seek(0)
            name = measured.stored.sha256
            return self._upload(Measured(cast("BinaryIO", spool), None, name), name)

    def open(self, sha256: str) -> BinaryIO:
        """The bytes, checked while they are read: the last of them are not given where the digest is another."""
        with explained(sha256):
            response = self._client.get_object(self._bucket, key_of(sha256))
        return io.BufferedReader(_Body(response, sha256), CHUNK)

    def exists(self, sha256: str) -> bool:
        return self._size(sha256) is not None

    def size(self, sha256: str) -> int:
        found = self._size(sha256)
        if found is None:
            raise _missing(sha256)
        return found

    def delete(self, sha256: str) -> bool:
        """Forget an object. Its versions stay as long as the bucket's rules say."""
        if not self.exists(sha256):
            return False
        with explained(sha256):
            self._client.remove_object(self._bucket, key_of(sha256))
        return True

    def verify(self, sha256: str) -> bool:
        try:
            with self.open(sha256) as file:
                while file.read(CHUNK):
                    pass
        except TidegateError as error:
            if error.code in {"OBJECT_MISSING", "OBJECT_CHANGED"}:
                return False
            raise
        return True

    def _upload(self, measured: "Measured", sha256: str) -> Stored:
        try:
            with explained(self._bucket):
                self._client.put_object(
                    self._bucket,
                    key_of(sha256),
                    cast("BinaryIO", measured),
                    length=-1,
                    part_size=PART,
                    num_parallel_uploads=1,
                )
        except TidegateError as error:
            # Where the abort of an upload fails too, the reason for the abort is the one to tell.
            raise measured.refusal or error from None
        return measured.stored

    def _size(self, sha256: str) -> int | None:
        key = key_of(sha256)
        try:
            with explained(sha256):
                return self._client.stat_object(self._bucket, key).size
        except TidegateError as error:
            if error.code == "OBJECT_MISSING":
                return None
            raise

    def _lockable(self) -> bool:
        try:
            with explained(self._bucket):
                self._client.get_object_lock_config(self._bucket)
        except TidegateError as error:
            if error.code == "OBJECT_STORE_DOWN":
                raise
            return False
        return True


class Measured:
    """A stream that counts and hashes what is read from it, and raises at its end when that is not as announced."""

    def __init__(self, stream: BinaryIO, max_bytes: int | None, expected_sha256: str | None = None) -> None:
        self._stream = stream
        self._max = max_bytes
        self._expected = expected_sha256
        self._digest = hashlib.sha256()
        self._size = 0
        self.refusal: TidegateError | None = None

    @property
    def stored(self) -> Stored:
        return Stored(sha256=self._digest.hexdigest(), size=self._size)

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(min(size, CHUNK))
        self._size += len(chunk)
        self._digest.update(chunk)
        if self._max is not None and self._size > self._max:
            raise self._refused("OBJECT_TOO_LARGE", f"The file is larger than the {self._max} bytes allowed here.")
        if not chunk and self._expected not in {None, self._digest.hexdigest()}:
            raise self._refused("OBJECT_MISMATCH", "The bytes that arrived are not the ones that were announced.")
        return chunk

    def _refused(self, code: str, sentence: str) -> TidegateError:
        self.refusal = TidegateError(code, sentence, "Send the file again." if code == "OBJECT_MISMATCH" else "")
        return self.refusal


class _Body(io.RawIOBase):
    """An answer's body. A write-only credential could have replaced it, and a connection may break off."""

    def __init__(self, response: "BaseHTTPResponse", sha256: str) -> None:
        super().__init__()
        self._response = response
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._left = int(response.headers.get("Content-Length", "-1"))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        room = memoryview(buffer).cast("B")
        with explained(self._sha256):
            chunk = self._response.read(len(room))
        self._digest.update(chunk)
        self._left -= len(chunk)
        if self._left <= 0 and self._digest.hexdigest() != self._sha256:
            raise TidegateError("OBJECT_CHANGED", f"The object {self._sha256[:12]}... is not the one that was stored.")
        room[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
            self._response.release_conn()
        super().close()


def key_of(sha256: str) -> str:
    """The key of an object. The name is checked, so it cannot lead elsewhere."""
    if not re.fullmatch(SHA256, sha256):
        raise TidegateError("OBJECT_NAME", "An object is named by 64 lower-case hexadecimal digits.")
    return f"{sha256[:2]}/{sha256}"


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Foreign errors stop here; their texts name addresses and are not repeated."""
    try:
        yield
    except S3Error as error:
        raise _of_s3(error, what) from error
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise _down() from error


def _of_s3(error: S3Error, what: str) -> TidegateError:
    if error.code in MISSING:
        return _missing(what)
    if error.code in FULL:
        return TidegateError("DISK_FULL", "The object store is full.", "Make room there; the work then goes on.")
    if error.response.status >= SERVER_FAULT:
        return _down()
    return TidegateError(
        "OBJECT_STORE_REFUSED",
        f"The object store refused: {error.code}.",
        "Compare the bucket and the credential of this service with the operator's guide.",
    )


def _down() -> TidegateError:
    return TidegateError(
        "OBJECT_STORE_DOWN", "The object store does not answer.", "Try again in a minute; nothing was lost."
    )


def _missing(sha256: str) -> TidegateError:
    return TidegateError("OBJECT_MISSING", f"The store holds no object {sha256[:12]}...")
