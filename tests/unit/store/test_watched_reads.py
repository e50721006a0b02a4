"""What a service knows of the cluster from its watches: never backwards, never from too long ago, never half."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_kit import approval, dataset, project
from tidegate.cluster.port import Change, Listing, Manifest
from tidegate.model import Kind, ProjectPhase, ProjectStatus, TidegateError
from tidegate.store.manifests import manifest_of, status_of
from tidegate.store.watched import STALE_SECONDS, WatchedReads
from watch_kit import Scripted

GONE = TidegateError("cluster_gone", "That version is gone.")
BROKEN = TidegateError("cluster_unavailable", "The connection broke.")
LOOK = 5.0


def at(manifest: Manifest, version: int) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(version)}}


def named(name: str, version: int, **spec: Any) -> Manifest:
    return at(manifest_of(dataset(name, **spec)), version)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def started(api: Scripted, kind: Kind = Kind.DATASET, clock: Clock | None = None) -> WatchedReads:
    reads = WatchedReads(api, (kind,), clock=clock or Clock(), jitter=lambda: -0.4)
    reads.start()
    return reads


def told(reads: WatchedReads, api: Scripted, *events: Change | TidegateError | None) -> None:
    """These happened, and the watch took them in: it asks for the next one only then."""
    for event in events:
        api.events.put(event)
    api.events.put(None)
    api.since.get(timeout=LOOK)
    assert reads


def names(reads: WatchedReads) -> list[str]:
    return [item.name for item in reads.list(Kind.DATASET)]


@pytest.fixture
def api() -> Scripted:
    return Scripted(Listing((named("b", 5), named("a", 7)), "9"))


def test_what_is_listed_is_known_in_order_and_the_watch_goes_on_from_there(api: Scripted) -> None:
    reads = started(api)
    assert names(reads) == ["a", "b"]
    assert api.since.get(timeout=LOOK) == "9"
    reads.stop()


def test_changes_are_taken_in_as_they_come(api: Scripted) -> None:
    reads = started(api)
    api.since.get(timeout=LOOK)
    before = reads.generation()
    told(
        reads,
        api,
        Change("ADDED", named("c", 10)),
        Change("MODIFIED", named("a", 11, title="New")),
        Change("DELETED", named("b", 12)),
        Change("BOOKMARK", {"metadata": {"resourceVersion": "20"}}),
    )
    assert names(reads) == ["a", "c"]
    assert reads.get(Kind.DATASET, "a") == dataset("a", title="New")
    assert reads.generation() == before + 3
    reads.stop()


def test_after_an_end_or_a_break_it_goes_on_from_the_last_version(api: Scripted) -> None:
    reads = started(api)
    assert api.since.get(timeout=LOOK) == "9"
    api.events.put(Change("BOOKMARK", {"metadata": {"resourceVersion": "15"}}))
    api.events.put(BROKEN)
    assert api.since.get(timeout=LOOK) == "15"
    assert names(reads) == ["a", "b"]
    reads.stop()


def test_a_version_that_is_gone_means_to_list_anew_and_forget_what_went() -> None:
    api = Scripted(Listing((named("a", 5), named("b", 6)), "9"), Listing((named("b", 6), named("c", 30)), "31"))
    reads = started(api)
    assert api.since.get(timeout=LOOK) == "9"
    api.events.put(GONE)
    assert api.since.get(timeout=LOOK) == "31"
    assert names(reads) == ["b", "c"]
    reads.stop()


def test_a_failure_nobody_foresaw_does_not_end_the_watch(api: Scripted) -> None:
    """A line without a version makes the reader fail; it lists anew."""
    reads = started(api)
    assert api.since.get(timeout=LOOK) == "9"
    api.events.put(Change("ADDED", {"nonsense": True}))
    assert api.since.get(timeout=LOOK) == "9"
    reads.stop()


def test_who_cannot_list_does_not_start_as_if_there_were_nothing() -> None:
    reads = WatchedReads(Scripted(BROKEN), (Kind.DATASET,), jitter=lambda: -0.4)
    with pytest.raises(TidegateError, match="cluster_unavailable"):
        reads.start(patience=0.2)
    for ask in (lambda: reads.list(Kind.DATASET), lambda: reads.get(Kind.DATASET, "a")):
        with pytest.raises(TidegateError, match="cluster_unavailable"):
            ask()
    reads.stop()


def test_silence_for_too_long_is_no_knowledge(api: Scripted) -> None:
    """Reads go on through a short break of the API server, and fail once what they know may be long untrue."""
    clock = Clock()
    reads = started(api, clock=clock)
    api.since.get(timeout=LOOK)
    clock.now = STALE_SECONDS
    assert names(reads) == ["a", "b"]
    clock.now = STALE_SECONDS + 1
    assert reads.silent_for() > STALE_SECONDS
    with pytest.raises(TidegateError, match="cluster_unavailable"):
        reads.list(Kind.DATASET)
    told(reads, api, Change("BOOKMARK", {"metadata": {"resourceVersion": "21"}}))
    assert names(reads) == ["a", "b"]
    reads.stop()


def test_who_writes_reads_it_back_at_once_and_an_older_event_does_not_undo_it(api: Scripted) -> None:
    reads = started(api)
    api.since.get(timeout=LOOK)
    reads.saw(Kind.DATASET, named("a", 40, title="Ours"))
    told(reads, api, Change("MODIFIED", named("a", 30, title="Older")))
    assert reads.get(Kind.DATASET, "a") == dataset("a", title="Ours")
    told(reads, api, Change("DELETED", named("a", 41)))
    reads.saw(Kind.DATASET, named("a", 40, title="Ours"))  # the answer came late
    assert reads.get(Kind.DATASET, "a") is None
    reads.stop()


@given(st.permutations([("MODIFIED", 11), ("MODIFIED", 12), ("DELETED", 13), ("ADDED", 14), ("MODIFIED", 15)]))
def test_whatever_the_order_of_news_the_newest_stands(news: list[tuple[str, int]]) -> None:
    reads = WatchedReads(Scripted(BROKEN), (Kind.DATASET,), clock=Clock())
    reads._heard[Kind.DATASET] = 0.0
    for verb, version in news:
        reads._change(Kind.DATASET, Change(verb, named("a", version, title=f"As of {version}")))
    assert reads.get(Kind.DATASET, "a") == dataset("a", title="As of 15")


def spoiled(manifest: Manifest) -> Manifest:
    return {**manifest, "spec": {**manifest["spec"], "unknown": 1}}


def test_one_that_cannot_be_read_takes_no_other_down_but_is_never_taken_for_absent() -> None:
    api = Scripted(Listing((spoiled(named("a", 1)), named("b", 2)), "9"))
    reads = started(api)
    assert names(reads) == ["b"]
    with pytest.raises(TidegateError, match="resource_unreadable"):
        reads.get(Kind.DATASET, "a")
    reads.stop()


def test_an_approval_that_cannot_be_read_could_be_a_revocation() -> None:
    manifests = (at(spoiled(manifest_of(approval(project()))), 1), at(manifest_of(approval(project(), name="x")), 2))
    reads = started(Scripted(Listing(manifests, "9")), Kind.APPROVAL)
    with pytest.raises(TidegateError, match="resource_unreadable"):
        reads.list(Kind.APPROVAL)
    reads.stop()


def test_a_status_comes_with_its_project_and_a_broken_one_gives_nothing() -> None:
    status = ProjectStatus(phase=ProjectPhase.DEPLOYED)
    good = at({**manifest_of(project("good")), "status": status_of(status)}, 1)
    broken = at({**manifest_of(project("broken")), "status": {"phase": "no such"}}, 2)
    reads = started(Scripted(Listing((good, broken), "9")), Kind.PROJECT)
    assert reads.project_status("good") == status
    assert reads.project_status("broken") == ProjectStatus()
    assert reads.project_status("absent") == ProjectStatus()
    reads.stop()
