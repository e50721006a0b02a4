"""What the cohort pipeline and egress review ask of a place that keeps files.

An object's name is the SHA-256 of its bytes, so the file that was judged is the file that is handed on, or nothing is.
Every adapter passes the suite in `tests/objects_contract.py`.
"""

from typing import BinaryIO, Protocol

from tidegate.model.names import Frozen, Sha256


class Stored(Frozen):
    """What was kept, measured while it was written."""

    sha256: Sha256
    size: int


class ObjectStore(Protocol):
    def put(self, stream: BinaryIO, expected_sha256: str | None = None, max_bytes: int | None = None) -> Stored:
        """Keep what the stream yields, whole or not at all. The same bytes again are kept once.

        Raises:
            TidegateError: ``OBJECT_MISMATCH`` when the bytes are not the expected ones, ``OBJECT_TOO_LARGE`` past
                `max_bytes`, ``DISK_FULL`` when there is no room. Nothing half-written stays in any of these cases.
        """
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The bytes of an object. Raises ``OBJECT_MISSING`` where there is none."""
        ...

    def exists(self, sha256: str) -> bool: ...

    def size(self, sha256: str) -> int:
        """Bytes of an object. Raises ``OBJECT_MISSING`` where there is none."""
        ...

    def delete(self, sha256: str) -> bool:
        """Forget an object; False where there was none."""
        ...

    def verify(self, sha256: str) -> bool:
        """Read an object again: True only if it is there and its bytes still have its name."""
        ...
