"""Handing out released files: rights, hold, revocation, count and hash are checked each time, and again on the way.

The pages stream what `open_download` yields; there are no links that work without asking.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from egress_review.application.acts import By, note_refusal, record, required, seen
from egress_review.application.reviewing import allowed_by_policy
from egress_review.domain.actions import Action
from egress_review.domain.refusals import RefusalError, refused
from egress_review.domain.request import Release, Request
from egress_review.ports import Ports
from tidegate.ledger import Event

CHUNK: Final = 1024 * 1024
CHECK_EVERY: Final = 8 * 1024 * 1024


@dataclass(frozen=True)
class Download:
    name: str
    size: int
    chunks: Iterator[bytes]


def open_download(ports: Ports, request_id: str, by: By, name: str, clock: Callable[[], datetime]) -> Download:
    """Count and open one download of one file.

    Args:
        ports: the world.
        request_id: which release.
        by: who asks, and when.
        name: which file.
        clock: asked again while the bytes flow, so that a right that ends cuts the stream.
    """
    try:
        with ports.requests.locked():
            request, _facts = seen(ports, Action.DOWNLOAD, request_id, by)
            release = _running(ports, request, by)
            file = request.file(name)
            if file is None or file.withdrawn:
                raise refused("unknown_file")
            if not ports.released.verify(file.sanitised):
                raise refused("file_changed")
            _count(ports, request, release, by, name)
    except RefusalError as refusal:
        note_refusal(ports, Action.DOWNLOAD, request_id, by, refusal)
        raise
    chunks = _chunks(ports, request_id, by, file.sanitised, clock)
    return Download(name, ports.released.size(file.sanitised), chunks)


def downloads_left(ports: Ports, request: Request, by: By, name: str) -> int:
    """How often this person may still fetch this file."""
    if request.release is None:
        return 0
    rows = ports.requests.downloads(request.id)
    used = sum(row.served for row in rows if row.person == by.actor.person and row.file == name)
    return max(0, request.release.per_file - used)


def read_beside(ports: Ports, request_id: str, by: By, which: str) -> bytes:
    """The record or the duties, which lie beside the files; not counted, same rights."""
    request, _facts = seen(ports, Action.DOWNLOAD, request_id, by)
    release = _running(ports, request, by)
    sha256 = {"record.json": release.record, "ATTRIBUTION.md": release.attribution}.get(which)
    if sha256 is None:
        raise refused("unknown_file")
    if not ports.released.verify(sha256):
        raise refused("file_changed")
    with ports.released.open(sha256) as stream:
        return stream.read()


def _running(ports: Ports, request: Request, by: By) -> Release:
    """The release, while it lasts. The policy is asked again: an approval of the project may have been taken back."""
    if request.release is None or by.now >= request.release.until:
        raise refused("download_ended")
    allowed_by_policy(ports, request, by)
    return request.release


def _count(ports: Ports, request: Request, release: Release, by: By, name: str) -> None:
    if by.actor.person is None:
        raise refused("not_named")
    if downloads_left(ports, request, by, name) <= 0:
        raise refused("download_used_up")
    file = request.file(name)
    served = record(Event.DOWNLOAD_SERVED, by.actor, request, file=file.sanitised if file else "", of=release.per_file)
    ports.requests.count_download(request.id, by.actor.person, name, served, by.now)


def _chunks(ports: Ports, request_id: str, by: By, sha256: str, clock: Callable[[], datetime]) -> Iterator[bytes]:
    sent = 0
    with ports.released.open(sha256) as stream:
        while chunk := stream.read(CHUNK):
            if sent and sent % CHECK_EVERY == 0:
                _check_again(ports, request_id, By(by.actor, clock()))
            yield chunk
            sent += len(chunk)


def _check_again(ports: Ports, request_id: str, by: By) -> None:
    try:
        _running(ports, seen(ports, Action.DOWNLOAD, request_id, by)[0], by)
    except RefusalError as refusal:
        request = required(ports, request_id)
        cut = record(Event.DOWNLOAD_REFUSED, by.actor, request, code=refusal.code, cut=True)
        ports.requests.note(cut, by.now)
        raise
