"""Small objects of a bucket by their name, where a hash would not find them: packs, and who names a file of the vault.

Written by the loader's last job, read by egress review and at the end of a project. The newest version counts.
"""

import io
from typing import Final

from minio import Minio

from tidegate.model import TidegateError
from tidegate.objects.s3 import explained

LARGEST: Final = 64 * 1024 * 1024


class S3Named:
    """Errors as of `S3Objects`."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write(self, name: str, content: bytes) -> None:
        """Nothing is sent where the newest version says the same already."""
        if self.read(name) == content:
            return
        with explained(name):
            self._client.put_object(self._bucket, name, io.BytesIO(content), len(content))

    def forget(self, name: str) -> None:
        """Hide it; what is gone already is no error. Its versions stay as long as the bucket's rules say."""
        with explained(name):
            self._client.remove_object(self._bucket, name)

    def read(self, name: str) -> bytes | None:
        """None where there is none."""
        try:
            with explained(name):
                answer = self._client.get_object(self._bucket, name)
        except TidegateError as error:
            if error.code == "OBJECT_MISSING":
                return None
            raise
        with answer, explained(name):
            content = bytes(answer.read(LARGEST + 1))
        if len(content) > LARGEST:
            raise TidegateError(
                "OBJECT_TOO_LARGE", f"{name} is larger than the {LARGEST} bytes such an object may have."
            )
        return content
