"""A hub that is started anew ends no workspace's output; a token that is none any more is worth nothing."""

from dataclasses import dataclass

import pytest

from egress_kit import PROJECT, ref
from egress_review.adapters.last_known import SECONDS, LastKnown
from egress_review.domain.refusals import RefusalError, refused
from egress_review.ports import WorkspaceIdentity

ROSA = WorkspaceIdentity(ref("rosa"), PROJECT)


@dataclass
class Hub:
    """Answers as it is told, or not at all."""

    known: WorkspaceIdentity | None = ROSA
    away: bool = False
    now: float = 1000.0

    def workspace_of(self, _token: str) -> WorkspaceIdentity | None:
        if self.away:
            raise refused("hub_unavailable")
        return self.known

    def clock(self) -> float:
        return self.now


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def last(hub: Hub) -> LastKnown:
    return LastKnown(hub, hub.clock)


def test_while_the_hub_is_away_its_last_answer_stands(hub: Hub, last: LastKnown) -> None:
    assert last.workspace_of("a-token") == ROSA
    hub.away = True
    assert last.workspace_of("a-token") == ROSA


def test_a_token_never_seen_is_not_known_then(hub: Hub, last: LastKnown) -> None:
    last.workspace_of("a-token")
    hub.away = True
    with pytest.raises(RefusalError, match="hub_unavailable"):
        last.workspace_of("another-token")


def test_it_stands_for_minutes_and_not_for_ever(hub: Hub, last: LastKnown) -> None:
    last.workspace_of("a-token")
    hub.away, hub.now = True, hub.now + SECONDS - 1
    assert last.workspace_of("a-token") == ROSA
    hub.now += 1
    with pytest.raises(RefusalError, match="hub_unavailable"):
        last.workspace_of("a-token")


def test_a_revoked_token_is_forgotten_at_once(hub: Hub, last: LastKnown) -> None:
    last.workspace_of("a-token")
    hub.known = None
    assert last.workspace_of("a-token") is None
    hub.away = True
    with pytest.raises(RefusalError, match="hub_unavailable"):
        last.workspace_of("a-token")


def test_no_token_is_kept_and_what_is_old_is_dropped(hub: Hub, last: LastKnown) -> None:
    last.workspace_of("a-token")
    hub.now += SECONDS
    last.workspace_of("b-token")
    assert len(last._known) == 1
    assert "token" not in repr(last._known)
