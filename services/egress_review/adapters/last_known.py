"""`ports.Hub` over another: what the hub last said of a token stands in for some minutes in which it says nothing.

A hub is started anew now and then. Without this, every open workspace would show nothing meanwhile, since what is shown
is counted here under the person the hub names. It opens little: a workspace may count bytes and propose a draft.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from egress_review.domain.refusals import RefusalError
from egress_review.ports import Hub, WorkspaceIdentity

SECONDS: Final = 300.0


@dataclass(frozen=True)
class LastKnown:
    """A token of which the hub says that it is none is forgotten at once."""

    hub: Hub
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, WorkspaceIdentity]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def workspace_of(self, token: str) -> WorkspaceIdentity | None:
        key = hashlib.sha256(token.encode()).hexdigest()
        try:
            found = self.hub.workspace_of(token)
        except RefusalError:
            known = self._of(key)
            if known is None:
                raise
            return known
        self._keep(key, found)
        return found

    def _of(self, key: str) -> WorkspaceIdentity | None:
        with self._lock:
            at, identity = self._known.get(key, (0.0, None))
        return identity if self.clock() - at < SECONDS else None

    def _keep(self, key: str, found: WorkspaceIdentity | None) -> None:
        now = self.clock()
        with self._lock:
            for old in [each for each, (at, _) in self._known.items() if now - at >= SECONDS]:
                del self._known[old]
            self._known.pop(key, None)
            if found is not None:
                self._known[key] = (now, found)
