"""What an environment needs shown, and what `doctor` says of a machine."""

from pathlib import Path

import pytest

from tidegate.model import TidegateError
from tidegate.sandbox import Bind, doctor, processes, python_binds
from tidegate.sandbox.find import tool


def environment(folder: Path, home: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    (folder / "bin" / "python").symlink_to(f"{home}/python3")
    return folder


def test_an_environment_on_the_systems_python_needs_itself_only(tmp_path: Path) -> None:
    venv = environment(tmp_path / "venv", "/usr/bin")
    assert python_binds(venv) == (Bind(venv, "/opt/tidegate/env"),)
    assert python_binds(venv, str(venv)) == (Bind(venv, str(venv)),)


def test_an_interpreter_elsewhere_is_shown_where_it_is(tmp_path: Path) -> None:
    base = tmp_path / "python-3.11"
    (base / "bin").mkdir(parents=True)
    (base / "bin" / "python3").touch()
    venv = environment(tmp_path / "venv", str(base / "bin"))
    assert Bind(base, str(base)) in python_binds(venv)


def test_editable_packages_are_part_of_their_environment(tmp_path: Path) -> None:
    venv = environment(tmp_path / "venv", "/usr/bin")
    packages = venv / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (packages / "_editable.pth").write_text(f"{tmp_path}/code\n/no/such/folder\nimport sys\n")
    assert python_binds(venv)[1:] == (Bind(tmp_path / "code", str(tmp_path / "code")),)


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_args, **_more: None)
    with pytest.raises(TidegateError, match="util-linux") as refused:
        tool("setpriv")
    assert refused.value.code == "sandbox_impossible"


@pytest.mark.parametrize("cause", doctor.CAUSES, ids=lambda cause: cause.setting)
def test_a_known_cause_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: doctor.Cause
) -> None:
    monkeypatch.setattr(doctor, "is_root", lambda: False)
    (tmp_path / cause.setting).parent.mkdir()
    (tmp_path / cause.setting).write_text(f"{cause.value}\n")
    assert doctor._cause("bwrap: no", tmp_path) == (cause.why, cause.fix)


def test_an_unknown_cause_is_told_in_bubblewraps_words(tmp_path: Path) -> None:
    why, fix = doctor._cause("\nbwrap: Creating new namespace failed\n", tmp_path)
    assert why == "bwrap: Creating new namespace failed"
    assert "container" in fix
    assert "without a reason" in doctor._cause("", tmp_path)[0]


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_seccomp", lambda: False)
    with pytest.raises(TidegateError, match="libseccomp2"):
        doctor.check_possible()
    assert "missing" in doctor.describe()["seccomp"]


def test_an_old_bubblewrap_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "bwrap_version", lambda: (0, 4, 1))
    with pytest.raises(TidegateError, match=r"older than 0\.8"):
        doctor.check_possible()


def test_a_sandbox_that_does_not_work_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = doctor.probe_spec()
    object.__setattr__(failing, "argv", ("/usr/bin/false",))
    monkeypatch.setattr(doctor, "probe_spec", lambda: failing)
    with pytest.raises(TidegateError) as refused:
        doctor.check_possible()
    assert refused.value.code == "sandbox_impossible"


def test_a_process_with_an_odd_name_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "42 (a) S (b)) R 7 " + " ".join(str(n) for n in range(5, 60))
    monkeypatch.setattr(Path, "read_text", lambda _path: text)
    assert processes.read_stat(42) == processes.Stat("a) S (b)", "R", 7, 22)


def test_a_number_nobody_has_is_nobody() -> None:
    assert processes.read_stat(2**22 + 1) is None
    assert not processes.is_alive(2**22 + 1, 0)
    processes.end(2**22 + 1, 0, grace=0)
