"""Where an archive may lie: what its name answers, remembered while nobody answers, and never where none can be."""

from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any

import pytest

from model_kit import dataset
from provisioner.adapters.kubernetes.addresses import KubernetesAddresses, archive_of
from provisioner.adapters.kubernetes.render import Address
from reconcile_kit import facts
from render_kit import cluster_settings
from tidegate.model import TidegateError

API_SERVER = Address("10.96.0.1", 443)
LATER = 31.0


class Names:
    """A name server, and the clock."""

    def __init__(self, *numbers: str) -> None:
        self.numbers: tuple[str, ...] | None = numbers
        self.now = 0.0
        self.asked = 0

    def __call__(self, _host: str) -> tuple[str, ...]:
        self.asked += 1
        if self.numbers is None:
            raise OSError("nobody answers")
        return self.numbers


def finder(names: Names, api: Any = None) -> KubernetesAddresses:
    return KubernetesAddresses(api, cluster_settings(), API_SERVER, names, clock=lambda: names.now)


def hosts(found: KubernetesAddresses, server: str = "https://xnat.example.org") -> list[str]:
    own = facts(dataset(xnat={"server": server, "project": "X"}))
    return [address.host for address in found.archives(own)]


def test_a_name_becomes_its_numbers_in_a_fixed_order() -> None:
    assert hosts(finder(Names("192.0.2.9", "192.0.2.1"))) == ["192.0.2.1", "192.0.2.9"]


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("https://xnat.example.org", ("xnat.example.org", 443)),
        ("http://xnat.example.org/path", ("xnat.example.org", 80)),
        ("http://198.51.100.2:8080", ("198.51.100.2", 8080)),
    ],
)
def test_the_port_follows_the_address(server: str, place: tuple[str, int]) -> None:
    assert archive_of(server) == place


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "169.254.169.254", "224.0.0.1", "10.244.3.4", "10.96.10.1", API_SERVER.host],
)
def test_a_name_that_leads_where_no_archive_can_be_opens_nothing(number: str) -> None:
    """Whoever answers for the name must not open a way to the metadata service, to pods or to the API server."""
    assert hosts(finder(Names("192.0.2.1", number))) == ["192.0.2.1"]


def test_networks_never_to_be_reached_are_the_installations_own() -> None:
    found = finder(Names("172.16.5.5"))
    assert hosts(found) == ["172.16.5.5"]
    found.settings = cluster_settings(never=(IPv4Network("172.16.0.0/12"),))
    assert hosts(found) == []


def test_while_nobody_answers_the_last_answer_holds() -> None:
    names = Names("192.0.2.1")
    found = finder(names)
    assert hosts(found) == ["192.0.2.1"]
    names.numbers, names.now = None, LATER
    assert hosts(found) == ["192.0.2.1"]
    names.numbers, names.now = ("192.0.2.2",), 2 * LATER
    assert hosts(found) == ["192.0.2.2"]
    assert names.asked == 3


def test_a_name_is_asked_for_twice_a_minute_and_no_more() -> None:
    names = Names("192.0.2.1")
    found = finder(names)
    for _ in range(5):
        hosts(found)
    assert names.asked == 1


def test_a_name_that_never_had_an_answer_opens_nothing() -> None:
    names = Names()
    names.numbers = None
    assert hosts(finder(names)) == []


@pytest.mark.parametrize("service", [None, {"spec": {}}, {"spec": {"clusterIP": "None"}}])
def test_a_release_without_its_services_is_said(service: Any) -> None:
    found = finder(Names("192.0.2.1"), SimpleNamespace(get=lambda _ref: service))
    with pytest.raises(TidegateError) as refusal:
        found.of(facts())
    assert refusal.value.code == "SERVICE_MISSING"
    assert "tidegate-hub" in refusal.value.sentence


def test_services_are_looked_up_by_their_release() -> None:
    asked = []

    def get(ref: Any) -> Any:
        asked.append((ref.namespace, ref.name))
        return {"spec": {"clusterIP": "10.96.7.7"}}

    found = finder(Names("192.0.2.1"), SimpleNamespace(get=get))
    assert found.of(facts()).hub == Address("10.96.7.7", 8081)
    found.of(facts())
    assert asked == [("tidegate", "tidegate-hub"), ("tidegate", "tidegate-beacon")]
