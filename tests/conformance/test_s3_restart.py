"""The store killed in the middle of an upload or a download: nothing half-written is seen, nothing kept is lost.

Only where the suite started the server itself: another's is not ours to kill.
"""

import hashlib
import io
import os
import shutil
from collections.abc import Iterator

import pytest

from seaweed_kit import Seaweed, seaweed, weed
from tidegate.model import TidegateError
from tidegate.objects.purposes import QUARANTINE
from tidegate.objects.s3 import PART


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    program = weed()
    if request.config.getoption("--s3-endpoint") or program is None:
        pytest.skip("the store that is judged is not ours to kill")
    with seaweed(program, tmp_path_factory.mktemp("s3")) as made:
        yield made


class Cutting(io.BytesIO):
    """Kills the server when `at` bytes were read, before more are given."""

    def __init__(self, content: bytes, server: Seaweed, at: int) -> None:
        super().__init__(content)
        self._server, self._at = server, at

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._at:
            self._server.kill()
        return super().read(size)


@pytest.mark.parametrize("parts", [1.5, 3.0])
def test_killed_in_the_middle_of_an_upload(server: Seaweed, parts: float) -> None:
    kept, content = os.urandom(1_000_000), os.urandom(3 * PART)
    store = server.objects("egress", QUARANTINE)
    before, name = store.put(io.BytesIO(kept)).sha256, hashlib.sha256(content).hexdigest()
    with pytest.raises(TidegateError) as raised:
        store.put(Cutting(content, server, int(parts * PART)), name)
    assert raised.value.code == "OBJECT_STORE_DOWN"
    server.start()
    assert store.verify(before)
    assert not store.exists(name)
    store.put(io.BytesIO(content), name)
    assert store.verify(name)


def test_killed_in_the_middle_of_a_download(server: Seaweed) -> None:
    store, content = server.objects("egress", QUARANTINE), os.urandom(4 * PART)
    name = store.put(io.BytesIO(content)).sha256
    with store.open(name) as file:
        file.read(PART)
        server.kill()
        with pytest.raises(TidegateError) as raised:
            shutil.copyfileobj(file, io.BytesIO(), PART)
    server.start()
    assert raised.value.code == "OBJECT_STORE_DOWN"
    assert store.verify(name)


def test_while_it_is_down_every_question_says_so_and_none_says_missing(server: Seaweed) -> None:
    store = server.objects("egress", QUARANTINE)
    name = store.put(io.BytesIO(b"kept")).sha256
    server.kill()
    asks = (store.exists, store.size, store.open, store.verify, store.delete, lambda _: store.check())
    for ask in asks:
        with pytest.raises(TidegateError) as raised:
            ask(name)
        assert raised.value.code == "OBJECT_STORE_DOWN"
    server.start()
    assert store.exists(name)
