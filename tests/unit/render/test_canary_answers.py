"""What the controller believes of a canary: its answer, only in the form agreed, and only with all of it right."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from provisioner.adapters.kubernetes import probe
from provisioner.adapters.kubernetes.canary import answer_of, check, never_starts, told, why_waiting
from provisioner.adapters.kubernetes.probe import ROUNDS, is_right, rounds
from provisioner.adapters.kubernetes.render.probes import pull_targets, workspace_targets
from render_kit import ADDRESSES
from tidegate.model import TidegateError

TARGETS = workspace_targets(ADDRESSES, ["10.244.0.9"])
GOOD = {str(t["name"]): str(t["expect"]) for t in TARGETS}
SHUT = [name for name, state in GOOD.items() if state == "closed"]


def answer(seen: Mapping[str, str], *, ok: bool = True) -> dict[str, Any]:
    return {"nonce": "n", "ok": ok, "good": 3, "rounds": 3, "seen": dict(seen)}


def pod(message: str | None, **status: Any) -> dict[str, Any]:
    state = {"terminated": {"message": message}} if message is not None else {"waiting": {"reason": "PodInitializing"}}
    return {"status": {"phase": "Pending", "initContainerStatuses": [{"name": "probe", "state": state}], **status}}


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(TidegateError) as refusal:
        call()
    return refusal.value.code


def test_all_as_it_must_be_is_a_proof() -> None:
    check(answer(GOOD), TARGETS)


@pytest.mark.parametrize("name", SHUT)
@pytest.mark.parametrize("state", ["open", "refused", "odd"])
def test_whatever_answers_that_must_not_is_named(name: str, state: str) -> None:
    """A refusal comes from the host itself: it was reached."""
    with pytest.raises(TidegateError) as refusal:
        check(answer({**GOOD, name: state}, ok=False), TARGETS)
    assert refusal.value.code == "ISOLATION_REACHED"
    assert name in refusal.value.sentence


@pytest.mark.parametrize("state", ["closed", "refused"])
def test_a_hub_that_is_not_reached_makes_silence_worthless(state: str) -> None:
    assert code_of(lambda: check(answer({**GOOD, "hub": state}, ok=False), TARGETS)) == "ISOLATION_UNPROVED"


@pytest.mark.parametrize("name", list(GOOD))
def test_a_target_left_out_is_not_taken_for_shut(name: str) -> None:
    seen = {key: value for key, value in GOOD.items() if key != name}
    assert code_of(lambda: check(answer(seen), TARGETS)) == "ISOLATION_UNPROVED"


def test_a_probe_that_was_not_content_proves_nothing() -> None:
    assert code_of(lambda: check(answer(GOOD, ok=False), TARGETS)) == "ISOLATION_UNPROVED"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "not json",
        "[]",
        "{}",
        json.dumps(answer(GOOD) | {"nonce": "of another day"}),
        json.dumps(answer(GOOD) | {"ok": "yes"}),
        json.dumps(answer(GOOD) | {"seen": []}),
    ],
)
def test_an_answer_of_another_form_is_none(message: str) -> None:
    assert code_of(lambda: answer_of(pod(message), "n")) == "ISOLATION_UNPROVED"


def test_an_answer_is_read_from_the_termination_message() -> None:
    assert answer_of(pod(json.dumps(answer(GOOD))), "n")["seen"] == GOOD
    assert told(pod(None)) is None
    assert told({}) is None


def test_why_a_pod_does_not_start_is_said_in_the_clusters_words() -> None:
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    status = {"initContainerStatuses": [{"name": "probe", "state": {"waiting": waiting}}]}
    assert why_waiting({"status": status}) == "ErrImagePull: no such image"
    no_node = {"conditions": [{"reason": "Unschedulable", "message": "0/1 nodes are available"}]}
    assert why_waiting({"status": no_node}) == "0/1 nodes are available"
    assert why_waiting({}) == "unknown"
    hopeless = {"initContainerStatuses": [{"name": "probe", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    assert never_starts({"status": hopeless})
    assert not never_starts(pod(None))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds + 0.5


def run(monkeypatch: pytest.MonkeyPatch, *seen: Mapping[str, str]) -> dict[str, Any]:
    """Rounds that see these in turn, the last again and again."""
    left = list(seen)
    monkeypatch.setattr(probe, "one_round", lambda _targets, _node: dict(left.pop(0) if len(left) > 1 else left[0]))
    clock = Clock()
    return rounds(TARGETS, "node", clock, clock.pause)


OUT = {**GOOD, "beacon": "open"}


def test_three_right_rounds_running_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, GOOD) == {"ok": True, "good": ROUNDS, "rounds": 3, "seen": GOOD}


def test_one_wrong_round_begins_the_count_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies of a new pod may come late; two right rounds before an open one count nothing."""
    assert run(monkeypatch, OUT, GOOD, GOOD, OUT, GOOD)["rounds"] == 7


def test_a_way_that_stays_open_ends_with_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, OUT)
    assert (found["ok"], found["seen"]["beacon"]) == (False, "open")


def test_an_empty_table_is_never_right() -> None:
    assert not is_right([], {})


def test_a_pull_reaches_its_archive_and_not_even_the_hub() -> None:
    states = {str(t["name"]): t["expect"] for t in pull_targets(ADDRESSES)}
    assert [name for name, state in states.items() if state == "open"] == ["xnat-0"]
    assert {"hub", "beacon", "store-0", "api-server", "kubelet", "metadata", "dns-udp"} <= set(states)
