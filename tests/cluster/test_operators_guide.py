"""The operator's guide followed to the letter: its commands are run as they stand."""

import base64
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.chart_kit import CHART, manifests, values_of
from cluster.kit import Cluster
from cluster.places import BIN, REPOSITORY
from cluster.shell import run
from cluster.test_chart import XNAT, keys_by_secret
from tidegate.objects.purposes import PURPOSES

GUIDE = REPOSITORY / "docs" / "operator" / "kubernetes.md"
ROLES = ("owner", "provisioner", "hub", "egress", "governance")
NAMESPACE = "tidegate"


def block(name: str) -> str:
    """The commands between two marks of the page."""
    found = re.search(
        rf"<!-- {name} -->\n```\n(.*?)```\n<!-- /{name} -->", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What others gave the operator, under the names that the guide asks for."""
    place = tmp_path_factory.mktemp("secrets")
    given = [f"database-url-{role}" for role in ROLES]
    given += [f"{purpose}-{half}-key" for purpose in PURPOSES for half in ("access", "secret")]
    for name in (*given, "xnat-username", "xnat-password"):
        (place / name).write_text(f"given-{name}")
    return place


@pytest.fixture(scope="module")
def made(api_server: Cluster, folder: Path) -> dict[str, dict[str, bytes]]:
    """Each Secret that stands after the commands were run, by name, with its keys."""
    if api_server.get("namespace", NAMESPACE) is None:
        api_server.kubectl("create", "namespace", NAMESPACE)
    kubectl = f'kubectl() {{ {BIN}/kubectl --kubeconfig={shlex.quote(str(api_server.kubeconfig))} "$@"; }}'
    run("bash", "-euo", "pipefail", "-c", f"cd {shlex.quote(str(folder))}\n{kubectl}\n{block('secrets')}")
    found: list[dict[str, Any]] = api_server.list("secrets", NAMESPACE)
    return {
        each["metadata"]["name"]: {key: base64.b64decode(value) for key, value in each["data"].items()}
        for each in found
    }


def test_its_commands_make_each_secret_with_the_keys_that_pods_are_given(made: dict[str, dict[str, bytes]]) -> None:
    assert {name: set(keys) for name, keys in made.items()} == keys_by_secret(manifests("minimal", *XNAT))


def test_no_secret_ends_with_the_end_of_a_line(made: dict[str, dict[str, bytes]]) -> None:
    """The proxy would take it for a part of its token, and the hub would not."""
    texts = {(name, key) for name, keys in made.items() for key in keys} - {
        ("tidegate-opa", "credentials"),
        ("tidegate-provisioner", "bundle-key"),
    }
    assert not [where for where in texts if made[where[0]][where[1]] != made[where[0]][where[1]].strip()]


def test_what_is_read_as_yaml_is_text_there(made: dict[str, dict[str, bytes]]) -> None:
    tokens = [keys["opa-token"] for keys in made.values() if "opa-token" in keys]
    assert len(tokens) == len(set(tokens)) == len(("hub", "provisioner", "egress", "egress-worker"))
    assert all(isinstance(yaml.safe_load(token), str) for token in tokens)


def test_the_key_that_the_values_want_is_the_other_half(made: dict[str, dict[str, bytes]], folder: Path) -> None:
    public = (folder / "bundle-key.pub").read_text()
    private = made["tidegate-provisioner"]["bundle-key"].decode()
    assert run("openssl", "pkey", "-pubout", text=private) == public
    assert public.startswith("-----BEGIN PUBLIC KEY-----")


def test_the_names_are_those_of_the_least_values(made: dict[str, dict[str, bytes]]) -> None:
    values = yaml.safe_load(values_of("minimal").read_text())
    named = {each["existingSecret"] for each in values.values() if isinstance(each, dict) and "existingSecret" in each}
    assert named | {"an-xnat"} == set(made)


def test_the_commands_that_it_shows_are_there() -> None:
    """Options and sub-commands of our own program, as the program itself lists them."""
    shown = GUIDE.read_text(encoding="utf-8") + (CHART / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    for line in re.findall(r"^ *tidegate ([a-z]+)(?: ([a-z]+))? (.*)$", shown, re.MULTILINE):
        command, below, rest = line
        group = [command, below] if command in {"account", "ledger"} else [command]
        helped = run("env", "COLUMNS=300", "TERM=dumb", ".venv/bin/tidegate", *group, "--help")
        for option in re.findall(r"(?:^| )(--?[a-z-]+)", rest):
            assert option in helped, f"{group} {option}"
