"""Misbehaviour on demand: tests name a pattern of addresses and what shall go wrong there, how often.

Each kind is a thing real servers, proxies and networks do to clients.
"""

import re
import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    HTML_LOGIN_PAGE = "html-login-page"
    TRUNCATED_BODY = "truncated-body"
    FLIPPED_BYTE = "flipped-byte"
    UNAUTHORISED = "unauthorised"
    UNAVAILABLE = "unavailable"
    DROPPED = "dropped"
    STALLED = "stalled"
    DIGEST_MISSING = "digest-missing"
    DIGEST_WRONG = "digest-wrong"


IN_LISTINGS = frozenset({FaultKind.DIGEST_MISSING, FaultKind.DIGEST_WRONG})
IN_ANSWERS = frozenset(FaultKind) - IN_LISTINGS


@dataclass(slots=True)
class _Fault:
    pattern: re.Pattern[str]
    kind: FaultKind
    left: int | None


class Faults:
    """The faults switched on now. `add` with `times` heals itself after that many; without, it stays for good."""

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()

    def add(self, pattern: str, kind: FaultKind, times: int | None = None) -> None:
        with self._lock:
            self._faults.append(_Fault(re.compile(pattern), kind, times))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, path: str, kinds: Collection[FaultKind] = IN_ANSWERS) -> FaultKind | None:
        """The fault for this address, used up once."""
        with self._lock:
            for fault in self._faults:
                if fault.kind in kinds and fault.left != 0 and fault.pattern.search(path):
                    fault.left = None if fault.left is None else fault.left - 1
                    return fault.kind
        return None
