"""Turning a wish to release into a draft: files opened by the session server's rules, hashed, streamed to the intake.

Two callers: `outbox`, for `release(...)` in a notebook, and `release_handler`, for the Lab. Both pass untrusted JSON.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from workspace.session.intake import Draft, Intake, IntakeError
from workspace.session.refusals import PathRefusedError, Reason
from workspace.session.safe_tree import SafeTree, components
from workspace.session.text import clipped, fields, items

MAX_FILES: Final = 100
MAX_FILE: Final = 500_000_000
MAX_CONTEXT: Final = 4_000
CHUNK: Final = 1 << 20
TOO_LARGE: Final = (
    f"A release takes files of at most {MAX_FILE // 10**6} MB. Release a summary of it, or a smaller part."
)
# What the intake says of a request that takes no more files speaks to no researcher of what to do.
NO_MORE_FILES: Final = {
    "wrong_status": "Your open request in this project is past the point where a notebook can add files",
    "already_opened": "You have opened your draft in the browser, so a notebook can add no more files to it",
}
CONTEXT: Final = ("purpose", "audience", "row_meaning", "smallest_count", "control", "code")


@dataclass(frozen=True)
class Wish:
    """A checked request: relative paths of plain names, and the context as text."""

    files: tuple[str, ...]
    context: dict[str, str]


class WishRefusedError(Exception):
    """The request cannot become a draft; which file and why."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence


def read_wish(request: object) -> Wish:
    """Validate untrusted JSON."""
    asked = fields(request)
    files, context = items(asked.get("files")), fields(asked.get("context"))
    paths = tuple(dict.fromkeys(path for path in files if isinstance(path, str)))
    if not 0 < len(files) <= MAX_FILES or len(paths) != len(files):
        raise WishRefusedError("files", f"A release names between 1 and {MAX_FILES} different files, as text.")
    unknown = set(context) - set(CONTEXT)
    if unknown or not all(isinstance(text, str) and len(text) <= MAX_CONTEXT for text in context.values()):
        raise WishRefusedError(
            "context", f"The context may hold {', '.join(CONTEXT)}, each a text of {MAX_CONTEXT} characters."
        )
    for path in paths:
        _check_path(path)
    return Wish(paths, {name: str(text) for name, text in context.items()})


def _check_path(path: str) -> None:
    try:
        relative = not path.startswith("/") and components(path)
    except PathRefusedError as refused:
        raise _file_refused(path, refused) from None
    if not relative:
        raise _file_refused(path, PathRefusedError(Reason.BAD_NAME))


def _file_refused(path: str, refused: PathRefusedError) -> WishRefusedError:
    shown = clipped(path if path.isprintable() else ascii(path), 200)
    sentence = TOO_LARGE if refused.reason is Reason.TOO_LARGE else refused.sentence
    return WishRefusedError(refused.reason.value, f"{shown}: {sentence}")


class OpenFile:
    """One file held open from the moment it was judged: what is hashed is what is sent, or nothing is."""

    def __init__(self, tree: SafeTree, path: str) -> None:
        self.path = path
        self._descriptor, found = tree.open_file(path, MAX_FILE)
        self.size = found.st_size
        self.digest = ""

    def close(self) -> None:
        os.close(self._descriptor)

    def take_digest(self) -> None:
        whole = hashlib.sha256()
        for chunk in self._chunks():
            whole.update(chunk)
        self.digest = whole.hexdigest()

    async def sent(self) -> AsyncIterator[bytes]:
        """The bytes once more; stops short of the end when they are not what was hashed, so nothing is accepted."""
        again = hashlib.sha256()
        held = b""
        chunks = self._chunks()
        while chunk := await asyncio.to_thread(next, chunks, b""):
            again.update(chunk)
            if held:
                yield held
            held = chunk
        if again.hexdigest() != self.digest:
            raise PathRefusedError(Reason.CHANGED)
        yield held

    def _chunks(self) -> Iterator[bytes]:
        position = 0
        while position < self.size:
            chunk = os.pread(self._descriptor, min(CHUNK, self.size - position), position)
            if not chunk:
                raise PathRefusedError(Reason.CHANGED)
            position += len(chunk)
            yield chunk
        if os.fstat(self._descriptor).st_size != self.size:
            raise PathRefusedError(Reason.CHANGED)


class Releaser:
    """Makes drafts, one at a time."""

    def __init__(self, tree: SafeTree, intake: Intake) -> None:
        self._tree = tree
        self._intake = intake
        self._one_at_a_time = asyncio.Lock()

    async def answer(self, request: object) -> dict[str, object]:
        """What the caller is told: the address of the draft, or a code and a sentence. Never raises for bad input."""
        try:
            async with self._one_at_a_time:
                return {"ok": True, "url": await self._release(read_wish(request))}
        except (WishRefusedError, IntakeError) as refused:
            return {"ok": False, "code": refused.code, "sentence": refused.sentence}

    async def _release(self, wish: Wish) -> str:
        with ExitStack() as stack:
            # All are opened and hashed before a draft exists: one bad name leaves nothing half-made.
            opened = [await self._opened(stack, path) for path in wish.files]
            draft = await self._intake.open_draft(wish.context)
            for file in opened:
                await self._send(draft, file)
        return draft.url

    async def _opened(self, stack: ExitStack, path: str) -> OpenFile:
        try:
            file = OpenFile(self._tree, path)
            stack.callback(file.close)
            if file.size == 0:
                raise WishRefusedError("empty_file", f"{clipped(path, 200)} is empty; there is nothing to release.")
            await asyncio.to_thread(file.take_digest)
        except PathRefusedError as refused:
            raise _file_refused(path, refused) from None
        return file

    async def _send(self, draft: Draft, file: OpenFile) -> None:
        try:
            await self._intake.put_file(draft, file.path, file.digest, file.size, file.sent())
        except IntakeError as refused:
            if refused.code not in NO_MORE_FILES:
                raise
            what_to_do = f"Finish or withdraw it, then ask again: {draft.url}"
            raise WishRefusedError(refused.code, f"{NO_MORE_FILES[refused.code]}. {what_to_do}") from None
        except PathRefusedError as refused:
            raise _file_refused(file.path, refused) from None
