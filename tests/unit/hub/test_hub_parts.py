"""The pieces beside the running hub: sandbox specs, records of servers, folders, and the hub's settings."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

import hub_kit
from hub_kit import PROJECT
from tidegate.model import Decision, Outcome, PersonRef
from tidegate.sandbox import Running, SandboxSpec
from workspace.hub.admission import Admission, check_start, sealed_folder
from workspace.hub.folders import ids_of, prepare
from workspace.hub.inside import COHORT, HOME, PRIVATE, SHARED, SOCKETS
from workspace.hub.machine import MachineSite
from workspace.hub.sandboxes import Folders, Ids, kernel_spec, session_spec
from workspace.hub.servers import Server, ServerFiles
from workspace.hub.settings import SERVICES, HubSettings
from workspace.hub.shared import ROLES, USER_SCOPES, content_policy
from workspace.hub.wiring import traits

NOW = datetime(2030, 1, 1, tzinfo=UTC)
RUNNING = Running(pid=1, started=2, child_pid=3, child_started=4, cgroups=("/sys/x",), boot="b")
IDS = Ids(kernel=610_001, session=610_002, group=610_003)
TOKEN = "the-hubs-token"


@pytest.fixture
def settings(tmp_path: Path) -> HubSettings:
    venv = tmp_path / "env"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (venv / "bin" / "python").symlink_to("/usr/bin/python3")
    return HubSettings(state=tmp_path / "state", chp=Path("/chp"), workspace_venv=venv)


@pytest.fixture
def admission(settings: HubSettings) -> Admission:
    return admit(settings)


def admit(settings: HubSettings, **spec: object) -> Admission:
    world = hub_kit.World(settings.state, NOW)
    world.licence()
    world.dataset()
    world.project(**spec)
    world.deploy(PROJECT, "rosa")
    allow = Decision(outcome=Outcome.ALLOW)
    return check_start(world.store, lambda *_: allow, PROJECT, PersonRef(subject="rosa"), NOW, sealed_folder)


def both(settings: HubSettings, admission: Admission) -> tuple[SandboxSpec, SandboxSpec]:
    folders = Folders.of(settings.state, PROJECT, "rosa")
    kernel = kernel_spec(settings, admission, folders, IDS)
    return kernel, session_spec(settings, admission, folders, IDS, {"JUPYTERHUB_API_TOKEN": TOKEN})


def test_the_kernel_has_no_network_and_no_token(settings: HubSettings, admission: Admission) -> None:
    kernel, session = both(settings, admission)
    assert (kernel.network, session.network) == (False, True)
    assert TOKEN not in repr(kernel)
    assert not [name for name in kernel.env if "JUPYTERHUB" in name or "TIDEGATE" in name]
    assert session.env["JUPYTERHUB_API_TOKEN"] == TOKEN
    assert TOKEN not in session.argv


def test_each_sandbox_sees_what_it_needs_and_no_more(settings: HubSettings, admission: Admission) -> None:
    kernel, session = both(settings, admission)
    shown = [{bind.target for bind in spec.binds} for spec in (kernel, session)]
    assert COHORT in shown[0]
    assert COHORT not in shown[1], "the server in front of the browser never sees the images"
    assert PRIVATE in shown[1]
    assert PRIVATE not in shown[0], "the kernel never sees the server's secrets"
    written = [{bind.target for bind in spec.binds if bind.writable} for spec in (kernel, session)]
    assert written == [{HOME, SHARED, SOCKETS}, {HOME, SHARED, SOCKETS, PRIVATE}]
    for spec in (kernel, session):
        assert not [bind for bind in spec.binds if (settings.state / "secrets").is_relative_to(bind.source)]


def test_the_two_have_users_of_their_own_and_a_group_in_common(settings: HubSettings, admission: Admission) -> None:
    kernel, session = both(settings, admission)
    assert kernel.uid != session.uid
    assert kernel.gid == session.gid == IDS.group


def test_the_projects_limits_are_the_kernels(settings: HubSettings) -> None:
    admission = admit(settings, resources={"memoryMib": 300, "cpus": 0.5, "pids": 64})
    limits = both(settings, admission)[0].limits
    assert (limits.memory_bytes, limits.cpus, limits.pids) == (300 * 1024 * 1024, 0.5, 64)


@pytest.mark.parametrize(("mode", "given"), [("none", False), ("loopback", True)])
def test_only_an_approved_mode_opens_loopback(settings: HubSettings, mode: str, given: bool) -> None:  # noqa: FBT001
    admission = admit(settings, policy={"network": mode})
    kernel, _ = both(settings, admission)
    assert (kernel.argv[-2:] == ("--network", "loopback")) is given
    assert kernel.network is False


def test_a_servers_record_comes_back_as_it_was(tmp_path: Path) -> None:
    files = ServerFiles(tmp_path / "servers")
    server = Server(project=PROJECT, person="rosa", port=1234, kernel=RUNNING)
    files.write(server)
    assert files.read(PROJECT, "rosa") == server
    assert list(files.all()) == [server]
    files.remove(PROJECT, "rosa")
    assert files.read(PROJECT, "rosa") is None
    files.remove(PROJECT, "rosa")


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"project": "../x", "person": "rosa", "port": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    files = ServerFiles(tmp_path)
    (tmp_path / f"{PROJECT}--rosa.json").write_text(content)
    assert files.read(PROJECT, "rosa") is None
    assert list(files.all()) == []


def test_folders_are_made_with_owners_and_modes(settings: HubSettings, admission: Admission) -> None:
    folders = Folders.of(settings.state, PROJECT, "rosa")
    ids = ids_of(hub_kit.World(settings.state, NOW).store, admission.project.name, "rosa")
    prepare(folders, ids)
    assert stat.S_IMODE(folders.home.stat().st_mode) == 0o2770
    assert stat.S_IMODE(folders.shared.stat().st_mode) == 0o2770
    assert stat.S_IMODE(folders.private.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert folders.home.stat().st_uid == folders.sockets.stat().st_uid == ids.kernel
        assert folders.private.stat().st_uid == ids.session
        assert folders.home.stat().st_gid == folders.shared.stat().st_gid == ids.group
        assert 0 not in {ids.kernel, ids.session, ids.group}


def test_what_an_earlier_kernel_left_among_the_sockets_is_gone(settings: HubSettings) -> None:
    folders = Folders.of(settings.state, PROJECT, "rosa")
    prepare(folders, Ids(None, None, None))
    outside = settings.state / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (folders.sockets / "link").symlink_to(outside)
    (folders.home / "work.txt").write_text("kept")
    prepare(folders, Ids(None, None, None))
    assert list(folders.sockets.iterdir()) == []
    assert (outside / "kept").exists()
    assert (folders.home / "work.txt").read_text() == "kept"


def test_a_home_that_became_a_link_is_not_followed(settings: HubSettings) -> None:
    """Its owner is set through a descriptor, never by name."""
    folders = Folders.of(settings.state, PROJECT, "rosa")
    victim = settings.state / "victim"
    victim.mkdir(parents=True, mode=0o755)
    folders.home.parent.mkdir(parents=True)
    folders.home.symlink_to(victim)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        prepare(folders, Ids(None, None, None))
    assert stat.S_IMODE(victim.stat().st_mode) == 0o755


def test_settings_come_back_from_their_file_and_hold_no_secret(settings: HubSettings, tmp_path: Path) -> None:
    hub_kit.World(settings.state, NOW)
    settings.save(tmp_path / "hub.json")
    assert HubSettings.load(tmp_path / "hub.json") == settings
    assert settings.secret("proxy-token") not in (tmp_path / "hub.json").read_text()


def test_every_service_has_a_role_and_no_secret_among_its_arguments(settings: HubSettings) -> None:
    hub_kit.World(settings.state, NOW)
    wired = traits(settings, MachineSite(settings))["JupyterHub"]
    assert set(ROLES) == set(SERVICES) == {service["name"] for service in wired["services"]}
    secrets = [path.read_text() for path in (settings.state / "secrets").iterdir()]
    for service in wired["services"]:
        assert not [secret for secret in secrets if secret in repr(service)]


def test_nobody_gets_an_administrators_scope() -> None:
    scopes = {*USER_SCOPES, *(scope for row in ROLES.values() for scope in row)}
    assert not [scope for scope in scopes if scope.startswith(("admin", "tokens", "shares", "proxy", "shutdown"))]
    assert all(scope.endswith("!user") or scope.startswith(("access:services", "custom:")) for scope in USER_SCOPES)


def test_admin_access_sharing_and_clean_up_are_off(settings: HubSettings) -> None:
    hub_kit.World(settings.state, NOW)
    wired = traits(settings, MachineSite(settings))
    assert wired["JupyterHub"]["admin_access"] is False
    assert wired["JupyterHub"]["cleanup_servers"] is False
    assert wired["JupyterHub"]["oauth_require_pkce"] is True
    assert wired["LocalAccounts"]["auth_refresh_strict"] is True
    assert wired["EmbeddedSpawner"]["env_keep"] == []


def test_the_content_policy_lets_nothing_in_by_default(settings: HubSettings) -> None:
    policy = content_policy(settings)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
