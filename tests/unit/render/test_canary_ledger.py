"""A canary's pod is announced in the ledger before it is made, and its end stands there too."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from model_kit import NOW, project
from provisioner.adapters.kubernetes.canary import KubernetesIsolation
from provisioner.adapters.kubernetes.journal import Journal
from reconcile_kit import facts
from render_kit import ADDRESSES, cluster_settings
from tidegate.cluster.port import Manifest, Ref
from tidegate.ledger import Event, Record
from tidegate.model import TidegateError

LEFT = {"kind": "Pod", "metadata": {"name": "canary-old", "namespace": "tg-breast-density"}}


@dataclass
class Pods:
    """Makes pods that never answer, and notes what is done in the order in which it is."""

    done: list[str]
    left: tuple[Manifest, ...] = ()
    refuses: bool = False

    def list(self, _resource: Any, namespace: str = "", labels: Any = None) -> tuple[Manifest, ...]:
        assert labels
        return self.left if namespace else ()

    def create(self, _resource: Any, manifest: Manifest) -> Manifest:
        if self.refuses:
            raise TidegateError("cluster_denied", "Refused.")
        self.done.append(f"create {manifest['metadata']['name'].partition('-')[0]}")
        return manifest

    def delete(self, ref: Ref, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        assert (grace_seconds, uid) == (0, "")
        self.done.append(f"delete {ref.name if ref.name == 'canary-old' else 'canary'}")
        return True

    def get(self, _ref: Ref) -> Manifest | None:
        return None


@dataclass
class Place:
    done: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def prove(self, **told: Any) -> str:
        """The code it failed with."""
        addresses = SimpleNamespace(of=lambda _: ADDRESSES, settings=cluster_settings())
        isolation = KubernetesIsolation(
            Pods(self.done, **told),  # type: ignore[arg-type]
            Journal(self.append),
            addresses,  # type: ignore[arg-type]
            lambda _: facts(),
            lambda: NOW,
            beacon_answers=lambda _: True,
        )
        with pytest.raises(TidegateError) as failure:
            isolation.prove(project())
        return failure.value.code

    def append(self, record: Record, _now: object) -> None:
        self.records.append(record)
        self.done.append(record.event.rpartition(":")[2])


def test_an_intent_stands_before_the_pod_and_before_what_an_earlier_one_left_is_removed() -> None:
    place = Place()
    assert place.prove(left=(LEFT,)) == "ISOLATION_UNPROVED"
    assert place.done == ["intended", "delete canary-old", "create canary", "delete canary", "failed"]
    objects = place.records[0].detail["objects"]
    assert isinstance(objects, list)
    assert objects[0] == "Pod/canary-old"
    assert objects[1].startswith("Pod/canary-")


def test_a_pod_that_is_refused_is_told_as_well() -> None:
    place = Place()
    assert place.prove(refuses=True) == "cluster_denied"
    assert place.records[-1].event is Event.CLUSTER_WRITE_FAILED
    assert place.records[-1].detail["code"] == "cluster_denied"
