"""How the hub is set up on a cluster: its settings file, its secrets, and what it has in common with one machine."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

import workspace_kit
from hub_kit import PROJECT
from tidegate.cluster.mounted import read_secret, secrets_folder
from tidegate.cluster.port import Manifest, Ref
from tidegate.cluster.services import service_url
from tidegate.model import TidegateError
from tidegate.model.status import CohortStatus
from workspace.hub.kubernetes.claims import sealed_claim
from workspace.hub.kubernetes.settings import SERVICES, load_settings
from workspace.hub.kubernetes.spawner import WorkspaceSpawner
from workspace.hub.kubernetes.wiring import Addresses, cookie_secret, database_address, traits
from workspace.hub.machine import MachineSite
from workspace.hub.settings import HubSettings
from workspace.hub.shared import ROLES
from workspace.hub.site import Site
from workspace.hub.wiring import traits as machine_traits
from workspace_kit import NOW, settings

PASSWORD = "a database's password"
SECRETS = {
    "database-url": "postgresql://tidegate_hub:a%20database's%20password@198.51.100.3:5432/tidegate?sslmode=require",
    "proxy-token": "the-proxys-token",
    "cookie-secret": "ab" * 32,
    "hub-token-provisioner": "the-provisioners-token",
    "hub-token-egress": "the-egress-services-token",
}
ENVIRON = {
    "TIDEGATE_HUB_SERVICE_HOST": "10.96.0.6",
    "TIDEGATE_PROXY_API_SERVICE_HOST": "10.96.0.8",
    "TIDEGATE_EGRESS_SERVICE_HOST": "10.96.0.7",
}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, text in SECRETS.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return {**ENVIRON, "TIDEGATE_SECRETS": str(folder)}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    store = workspace_kit.world(tmp_path / "state").store
    return Site(settings(), store, object(), lambda *_: None)  # type: ignore[arg-type]  # no question is asked here


@pytest.fixture
def wired(site: Site, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    monkeypatch.setenv("PGPASSWORD", "")
    return traits(settings(), site, Addresses.of(settings(), environ), environ)


def write(path: Path, content: object) -> dict[str, str]:
    path.write_text(json.dumps(content), encoding="utf-8")
    return {"TIDEGATE_SETTINGS": str(path)}


def test_settings_are_read_as_the_chart_writes_them(tmp_path: Path) -> None:
    found = load_settings(write(tmp_path / "settings.json", {**workspace_kit.SETTINGS, "startSeconds": 60}))
    assert found == settings(startSeconds=60)
    assert found.public_url == "http://tidegate.test:30080"
    assert found.review_url == "http://review.tidegate.test:30080"
    assert found.origin_of("rosa") == "http://rosa.tidegate.test:30080"
    assert found.review_host == "review.tidegate.test"


WRONG = [
    ({"publicUrl": "tidegate.test"}, "publicUrl"),
    ({"publicUrl": "http://tidegate.test/"}, "publicUrl"),
    ({"publicUrl": "javascript://x"}, "publicUrl"),
    ({"images": {"session": "a"}}, "images.services"),
    ({"profiles": []}, "profiles"),
    ({"startSeconds": 1}, "startSeconds"),
    ({"unheardOf": 1}, "unheardOf"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG, ids=[row[1] + " " + str(n) for n, row in enumerate(WRONG)])
def test_a_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(TidegateError, match=field) as caught:
        load_settings(write(tmp_path / "settings.json", {**workspace_kit.SETTINGS, **wrong}))
    assert caught.value.code == "settings_invalid"


def test_no_settings_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="settings_invalid"):
        load_settings({"TIDEGATE_SETTINGS": str(tmp_path / "none.json")})


@pytest.mark.parametrize("content", [None, "", "\n", b"\xff\xfe"])
def test_a_secret_that_is_not_there_is_named_and_never_shown(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "proxy-token"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(TidegateError, match="proxy-token") as caught:
        read_secret(secrets_folder({"TIDEGATE_SECRETS": str(tmp_path)}), "proxy-token")
    assert caught.value.code == "secret_missing"


def test_the_databases_password_stays_out_of_its_address() -> None:
    address, password = database_address(SECRETS["database-url"])
    assert password == PASSWORD
    assert address == (
        "postgresql+psycopg://tidegate_hub@198.51.100.3:5432/tidegate"
        "?sslmode=require&options=-csearch_path%3Djupyterhub"
    )


@pytest.mark.parametrize(
    "url", ["", "sqlite:///x", "postgresql://host/db", "postgresql://role@host/db", "hunter2hunter2"]
)
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(TidegateError) as caught:
        database_address(url)
    assert caught.value.code == "database_url_invalid"
    assert "hunter2" not in str(caught.value)


def test_cookies_are_signed_with_enough() -> None:
    assert cookie_secret("0f" * 32) == b"\x0f" * 32
    for text in ("0f" * 31, "no hexadecimal digits", ""):
        with pytest.raises(TidegateError, match="cookie_secret_invalid"):
            cookie_secret(text)


def test_addresses_are_numbers_since_a_workspace_has_no_dns() -> None:
    assert Addresses.of(settings(), ENVIRON) == Addresses(
        "http://10.96.0.6:8081", "http://10.96.0.8:8001", "http://10.96.0.7:8003"
    )
    assert service_url("x", 1, {"X_SERVICE_HOST": "fd00::1"}) == "http://[fd00::1]:1"
    assert service_url("localhost", 1, {}) in {"http://127.0.0.1:1", "http://[::1]:1"}


def test_the_hub_starts_neither_proxy_nor_services(wired: dict[str, dict[str, Any]]) -> None:
    assert wired["ConfigurableHTTPProxy"]["should_start"] is False
    assert wired["ConfigurableHTTPProxy"]["api_url"] == "http://10.96.0.8:8001"
    assert wired["Proxy"]["extra_routes"] == {"review.tidegate.test/": "http://10.96.0.7:8003"}
    started = [service["name"] for service in wired["JupyterHub"]["services"] if "command" in service]
    assert started == ["culler"]


def test_a_proxy_without_routes_is_found_within_seconds(wired: dict[str, dict[str, Any]]) -> None:
    """It is a pod of its own, and JupyterHub looks after such a one every five minutes unless told otherwise."""
    assert wired["JupyterHub"]["last_activity_interval"] <= 10


def test_services_come_with_the_tokens_they_were_given(wired: dict[str, dict[str, Any]]) -> None:
    services = {service["name"]: service for service in wired["JupyterHub"]["services"]}
    assert set(services) == set(SERVICES)
    assert set(SERVICES) < set(ROLES)
    assert services["egress"]["api_token"] == SECRETS["hub-token-egress"]
    assert services["provisioner"]["api_token"] == SECRETS["hub-token-provisioner"]
    assert services["egress"]["oauth_redirect_uri"] == "http://review.tidegate.test:30080/oauth/callback"
    given = {name for role in wired["JupyterHub"]["load_roles"] for name in role.get("services", ())}
    assert given == set(SERVICES)


def test_no_secret_is_an_argument_or_in_the_databases_address(wired: dict[str, dict[str, Any]]) -> None:
    commands = repr([service.get("command") for service in wired["JupyterHub"]["services"]])
    for secret in (*SECRETS.values(), PASSWORD):
        assert secret not in commands
        assert secret not in wired["JupyterHub"]["db_url"]
    assert os.environ["PGPASSWORD"] == PASSWORD


def test_the_hub_makes_neither_namespaces_nor_volumes(wired: dict[str, dict[str, Any]]) -> None:
    spawner = wired["WorkspaceSpawner"]
    for trait in ("enable_user_namespaces", "storage_pvc_ensure", "delete_pvc"):
        assert spawner[trait] is False
    assert spawner["env_keep"] == []


def test_every_setting_of_the_spawner_is_one_it_knows(wired: dict[str, dict[str, Any]]) -> None:
    """A name that is misspelt would silently hold nothing."""
    assert set(wired["WorkspaceSpawner"]) <= set(WorkspaceSpawner.class_trait_names())


def test_what_is_not_about_the_place_is_the_same_in_both_modes(
    wired: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setattr("workspace.hub.spawner.EmbeddedSpawner.site", None, raising=False)
    here = HubSettings(state=state, chp=Path("/chp"), workspace_venv=Path("/env"), domain="tidegate.test", port=30080)
    machine = machine_traits(here, MachineSite(here))
    same = {
        "JupyterHub": {
            "admin_access",
            "allow_named_servers",
            "authenticator_class",
            "cleanup_servers",
            "cookie_max_age_days",
            "custom_scopes",
            "default_url",
            "oauth_require_pkce",
            "redirect_to_server",
            "subdomain_host",
            "template_paths",
            "tornado_settings",
        },
        "LocalAccounts": set(wired["LocalAccounts"]),
        "WorkspaceSpawner": {"disable_user_config", "env_keep"},
    }
    for section, names in same.items():
        other = machine["EmbeddedSpawner" if section == "WorkspaceSpawner" else section]
        assert {name: wired[section][name] for name in names} == {name: other[name] for name in names}


class Claims:
    """One claim, or none."""

    def __init__(self, claim: Manifest | None) -> None:
        self.claim = claim
        self.asked: list[Ref] = []

    def get(self, ref: Ref) -> Manifest | None:
        self.asked.append(ref)
        return self.claim


def claim(phase: str = "Bound", modes: tuple[str, ...] = ("ReadOnlyMany",), **metadata: str) -> Manifest:
    return {"metadata": metadata, "spec": {"accessModes": list(modes)}, "status": {"phase": phase}}


CLAIMS: list[tuple[Manifest | None, str]] = [
    (claim(), ""),
    (None, "cohort_not_ready"),
    (claim("Pending"), "cohort_not_ready"),
    (claim("Lost"), "cohort_not_ready"),
    ({"metadata": {}, "spec": {}}, "cohort_not_ready"),
    (claim(modes=("ReadWriteOnce",)), "cohort_changed"),
    (claim(modes=("ReadOnlyMany", "ReadWriteMany")), "cohort_changed"),
    (claim(deletionTimestamp="2030-01-01T00:00:00Z"), "cohort_changed"),
]


@pytest.mark.parametrize(("found", "code"), CLAIMS)
def test_the_images_are_in_place_on_a_read_only_claim(found: Manifest | None, code: str) -> None:
    cohort = CohortStatus(
        version=3, files=1, refused=0, total_bytes=1, manifest_sha256="0" * 64, path="", sealed_at=NOW
    )
    api = Claims(found)
    check = sealed_claim(api)  # type: ignore[arg-type]  # the one method that is asked
    if code:
        with pytest.raises(TidegateError, match=code):
            check(cohort, PROJECT)
    else:
        check(cohort, PROJECT)
    (ref,) = api.asked
    assert (ref.namespace, ref.name) == (f"tg-{PROJECT}", "cohort-v3-ro")


def test_a_folder_of_secrets_need_not_be_ours_alone(environ: dict[str, str]) -> None:
    """Mounted secrets are readable by a group; the hub itself would refuse such a file for its cookies."""
    path = Path(environ["TIDEGATE_SECRETS"]) / "cookie-secret"
    path.chmod(0o440)
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert cookie_secret(read_secret(secrets_folder(environ), "cookie-secret")) == bytes.fromhex(
        SECRETS["cookie-secret"]
    )
