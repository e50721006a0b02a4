"""What a session server is told, and what it is set to: a name that is misspelt would silently hold nothing."""

import os
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.manager import ContentsManager
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
from jupyterhub.services.auth import HubOAuth
from jupyterlab.labapp import LabApp

from tidegate.model import TidegateError
from workspace.session import guard
from workspace.session.configuration import EXTENSIONS, KERNEL, configure, prepare_environment
from workspace.session.contents import GuardedContents
from workspace.session.csp import HEADER, content_security_policy
from workspace.session.manager import GuardedKernel, GuardedKernels, OnlyOurKernelspecs
from workspace.session.settings import NEEDED, SessionSettings
from workspace.session.text import MAX_COUNT, clipped, count, fields, identifier, items, text_of
from workspace.session.websocket import GuardedConnection

GIVEN = {
    "TIDEGATE_HOME": "/home/researcher",
    "TIDEGATE_SOCKETS": "/run/tidegate/sock",
    "TIDEGATE_PRIVATE": "/run/tidegate/private",
    "TIDEGATE_INTAKE": "http://127.0.0.1:8105/intake/v1/",
    "TIDEGATE_DRAWN_CAP": "1000",
    "TIDEGATE_PROJECT": "breast-density",
    "TIDEGATE_PUBLIC_ORIGIN": "http://rosa.tidegate.localhost:8000/",
}
CLASSES = (ServerApp, ContentsManager, HubOAuth, KernelSpecManager, MappingKernelManager, KernelManager, LabApp)

# What must be set, whatever else is.
HELD: tuple[tuple[str, str, Any], ...] = (
    ("ServerApp", "contents_manager_class", GuardedContents),
    ("ServerApp", "kernel_manager_class", GuardedKernels),
    ("ServerApp", "kernel_spec_manager_class", OnlyOurKernelspecs),
    ("ServerApp", "kernel_websocket_connection_class", GuardedConnection),
    ("ServerApp", "allow_unauthenticated_access", False),
    ("ServerApp", "allow_root", False),
    ("ServerApp", "terminals_enabled", False),
    ("ContentsManager", "allow_hidden", False),
    ("HubOAuth", "cache_max_age", 5),
    ("KernelSpecManager", "allowed_kernelspecs", {KERNEL}),
    ("KernelSpecManager", "ensure_native_kernel", False),
    ("MappingKernelManager", "allowed_message_types", list(guard.INCOMING)),
    ("MappingKernelManager", "buffer_offline_messages", False),
    ("MappingKernelManager", "cull_connected", True),
    ("KernelManager", "transport", "ipc"),
    ("LabApp", "extension_manager", "readonly"),
    ("LabApp", "news_url", None),
)


@pytest.fixture
def settings() -> SessionSettings:
    return SessionSettings.from_environment(GIVEN)


def test_addresses_end_without_a_slash(settings: SessionSettings) -> None:
    assert settings.intake == "http://127.0.0.1:8105/intake/v1"
    assert settings.public_origin == "http://rosa.tidegate.localhost:8000"
    assert (settings.drawn_cap, settings.token, settings.review_url) == (1000, "", "")


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("given", [None, ""])
def test_what_is_missing_is_named(name: str, given: str | None) -> None:
    environ = {**GIVEN, name: given} if given is not None else {key: GIVEN[key] for key in GIVEN if key != name}
    with pytest.raises(TidegateError, match=name) as refused:
        SessionSettings.from_environment({key: value or "" for key, value in environ.items()})
    assert refused.value.code == "session_environment"


@pytest.mark.parametrize("cap", ["-1", "1e9", "many", "1.5", " "])
def test_a_cap_that_is_no_number_of_bytes_stops_the_server(cap: str) -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_DRAWN_CAP"):
        SessionSettings.from_environment({**GIVEN, "TIDEGATE_DRAWN_CAP": cap})


@pytest.mark.parametrize(("section", "name", "value"), HELD, ids=[f"{row[0]}.{row[1]}" for row in HELD])
def test_what_locks_is_set(section: str, name: str, value: object, settings: SessionSettings) -> None:
    assert configure(settings)[section][name] == value


def test_every_setting_is_one_that_jupyter_knows(settings: SessionSettings) -> None:
    known = {made.__name__: made for made in CLASSES}
    config = configure(settings)
    assert set(config) <= set(known)
    unknown = [
        f"{section}.{name}" for section in config for name in config[section] if name not in traits(known[section])
    ]
    assert unknown == []


def traits(made: Any) -> set[str]:
    return set(made.class_traits())


def test_extensions_that_open_ways_are_named_and_off() -> None:
    assert {name for name, on in EXTENSIONS.items() if on} == {"jupyterlab"}
    assert {"jupyter_lsp", "jupyter_server_terminals", "notebook_shim"} <= set(EXTENSIONS)


def test_kernels_are_managed_by_ours() -> None:
    assert GuardedKernels().kernel_manager_class == f"{GuardedKernel.__module__}.GuardedKernel"


def test_jupyters_folders_are_private_and_the_callers_paths_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        os, "environ", {"JUPYTER_PATH": "/home/researcher/x", "JUPYTER_CONFIG_PATH": "/home/researcher"}
    )
    prepare_environment(tmp_path / "private")
    folders = {name: Path(value) for name, value in os.environ.items() if name.endswith("_DIR")}
    assert len(folders) == 5
    assert all(folder.parent == tmp_path / "private" for folder in folders.values())
    assert {folder.stat().st_mode & 0o777 for folder in folders.values()} == {0o700}
    assert not {"JUPYTER_PATH", "JUPYTER_CONFIG_PATH"} & set(os.environ)


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        ("default-src", "'self'"),
        ("frame-src", "'none'"),
        ("object-src", "'none'"),
        ("form-action", "'self'"),
        ("base-uri", "'self'"),
        ("frame-ancestors", "'none'"),
        ("connect-src", "'self' wss://rosa.example.org"),
        ("img-src", "'self' data: blob:"),
        ("sandbox", "allow-scripts allow-same-origin allow-forms allow-modals"),
    ],
)
def test_the_policy_says_no_more_than_this(directive: str, value: str) -> None:
    policy = dict(part.split(" ", 1) for part in content_security_policy("https://rosa.example.org").split("; "))
    assert policy[directive] == value
    assert HEADER == "Content-Security-Policy", "a report-only policy would hold nothing"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (clipped("abc", 3), "abc"),
        (clipped("abcd", 3), "abc\n[Tidegate: 1 more characters are not shown]\n"),
        (clipped(b"abc", 3), ""),
        (clipped(None, 3), ""),
        (identifier("a.b:c-D_1"), "a.b:c-D_1"),
        (identifier("a b"), ""),
        (identifier("a\n"), ""),
        (identifier("x" * 65), ""),
        (identifier(7), ""),
        (count(0), 0),
        (count(MAX_COUNT), MAX_COUNT),
        (count(MAX_COUNT + 1), None),
        (count(-1), None),
        (count(True), None),
        (count(1.0), None),
        (count("1"), None),
        (fields({"a": 1, 2: "b"}), {"a": 1}),
        (fields([("a", 1)]), {}),
        (items([1, "a"]), [1, "a"]),
        (items("ab"), []),
        (text_of(["a", 1, "b"]), "ab"),
        (text_of({"a": "b"}), ""),
    ],
)
def test_pieces_of_untrusted_values_are_bounded(found: object, expected: object) -> None:
    assert found == expected
