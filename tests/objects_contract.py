"""What every `ObjectStore` must do. An adapter's tests inherit `ObjectStoreContract` and give a `store` fixture."""

import hashlib
import io

import pytest

from tidegate.model import TidegateError
from tidegate.objects import ObjectStore

TEXT = b"one file on its way out"
NAME = hashlib.sha256(TEXT).hexdigest()


def code_of(raised: pytest.ExceptionInfo[TidegateError]) -> str:
    return raised.value.code


class ObjectStoreContract:
    def test_what_was_put_comes_back_under_its_hash(self, store: ObjectStore) -> None:
        stored = store.put(io.BytesIO(TEXT))
        assert (stored.sha256, stored.size) == (NAME, len(TEXT))
        with store.open(NAME) as file:
            assert file.read() == TEXT
        assert store.exists(NAME)
        assert store.size(NAME) == len(TEXT)
        assert store.verify(NAME)

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        stored = store.put(io.BytesIO(b""))
        assert stored.size == 0
        assert store.verify(stored.sha256)

    def test_the_same_bytes_twice_are_one_object(self, store: ObjectStore) -> None:
        assert store.put(io.BytesIO(TEXT)) == store.put(io.BytesIO(TEXT))
        assert store.delete(NAME)
        assert not store.exists(NAME)

    def test_a_put_announced_with_its_hash_is_kept(self, store: ObjectStore) -> None:
        assert store.put(io.BytesIO(TEXT), expected_sha256=NAME).sha256 == NAME

    def test_other_bytes_than_announced_are_not_kept(self, store: ObjectStore) -> None:
        with pytest.raises(TidegateError) as raised:
            store.put(io.BytesIO(TEXT + b"!"), expected_sha256=NAME)
        assert code_of(raised) == "OBJECT_MISMATCH"
        assert not store.exists(NAME)
        assert not store.exists(hashlib.sha256(TEXT + b"!").hexdigest())

    def test_a_file_of_exactly_the_limit_is_kept_and_one_byte_more_is_not(self, store: ObjectStore) -> None:
        assert store.put(io.BytesIO(TEXT), max_bytes=len(TEXT)).size == len(TEXT)
        with pytest.raises(TidegateError) as raised:
            store.put(io.BytesIO(TEXT + b"!"), max_bytes=len(TEXT))
        assert code_of(raised) == "OBJECT_TOO_LARGE"

    def test_a_stream_that_breaks_off_leaves_nothing(self, store: ObjectStore) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if self.tell():
                    raise ConnectionError
                return super().read(4 if size else 0)

        with pytest.raises(ConnectionError):
            store.put(Broken(TEXT))
        assert not store.exists(hashlib.sha256(TEXT[:4]).hexdigest())

    def test_what_is_not_there_is_said_to_be_missing(self, store: ObjectStore) -> None:
        for ask in (store.open, store.size):
            with pytest.raises(TidegateError) as raised:
                ask("0" * 64)
            assert code_of(raised) == "OBJECT_MISSING"
        assert not store.verify("0" * 64)
        assert not store.delete("0" * 64)

    @pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, NAME + "\n"])
    def test_a_name_that_is_no_hash_is_refused(self, store: ObjectStore, name: str) -> None:
        for ask in (store.open, store.size, store.exists, store.delete, store.verify):
            with pytest.raises(TidegateError) as raised:
                ask(name)
            assert code_of(raised) == "OBJECT_NAME"
