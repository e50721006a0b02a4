"""Watches `outbox/` in home for requests that `release(...)` wrote in a notebook; a kernel has no other way to ask.

`app` runs `watch_for_ever` beside the server. Whatever lies in the folder is untrusted.
"""

import asyncio
import json
import logging
import os
import re
from typing import Final

from workspace.session.refusals import PathRefusedError
from workspace.session.release import Releaser
from workspace.session.safe_tree import SafeTree, constant_errors

FOLDER: Final = "outbox"
INTERVAL: Final = 0.5
MAX_REQUEST: Final = 64_000
MAX_SCANNED: Final = 1_000
_REQUEST: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.json\Z")
_log = logging.getLogger(__name__)


def waiting(tree: SafeTree) -> list[str]:
    """The ids that ask for an answer, oldest name first; none where there is no plain outbox."""
    try:
        with tree.folder((FOLDER,)) as folder, constant_errors():
            names = os.listdir(folder)[:MAX_SCANNED]  # noqa: PTH208 - of a descriptor
    except PathRefusedError:
        return []
    return sorted(match[1] for match in map(_REQUEST.match, names) if match)


async def answer_one(tree: SafeTree, releaser: Releaser, request_id: str) -> None:
    """Read, release, answer; the request goes first, so that nothing is asked twice."""
    request_path = f"{FOLDER}/{request_id}.json"
    try:
        text = tree.read(request_path, MAX_REQUEST)
    except PathRefusedError as refused:
        answer: dict[str, object] = {"ok": False, "code": refused.reason.value, "sentence": refused.sentence}
    else:
        answer = await releaser.answer(_parsed(text))
    _put_away(tree, request_path)
    try:
        tree.write(f"{FOLDER}/{request_id}.answer.json", json.dumps(answer).encode())
    except PathRefusedError as refused:
        _log.warning("The answer to a release request could not be written: %s", refused.reason.value)


async def watch_for_ever(tree: SafeTree, releaser: Releaser, interval: float = INTERVAL) -> None:
    while True:
        for request_id in waiting(tree):
            await answer_one(tree, releaser, request_id)
        await asyncio.sleep(interval)


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _put_away(tree: SafeTree, path: str) -> None:
    """Remove the request, whatever it is: a link, a pipe or a file."""
    folder, _, name = path.rpartition("/")
    try:
        with tree.folder((folder,)) as parent, constant_errors():
            os.unlink(name, dir_fd=parent)
    except PathRefusedError as refused:
        _log.warning("A release request could not be put away: %s", refused.reason.value)
