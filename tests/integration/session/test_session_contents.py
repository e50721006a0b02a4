"""The contents addresses over HTTP: what lies in home is untrusted, and so is what the browser sends."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from session_kit import RecordingIntake, Server, session_server

SECRET = "patient-0042"
TRIES = 5


def get(server: Server, path: str, **query: Any) -> Any:
    return server.ask("GET", f"/api/contents/{path}", params=query)


def put(server: Server, path: str, **model: Any) -> Any:
    return server.ask("PUT", f"/api/contents/{path}", json=model)


def notebook(*outputs: Any) -> dict[str, Any]:
    return json.loads(json.dumps(new_notebook(cells=[new_code_cell("1", outputs=list(outputs))])))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, intake: RecordingIntake) -> Iterator[Server]:
    """The server with Jupyter's own contents manager."""
    with session_server(tmp_path_factory.mktemp("stock"), intake.url, without="contents") as running:
        yield running


def test_ordinary_work_works(server: Server) -> None:
    made = server.ask("POST", "/api/contents/", json={"type": "notebook"}).json()
    assert made["path"] == "Untitled.ipynb"
    assert put(server, made["path"], type="notebook", format="json", content=notebook()).status_code == 200
    assert get(server, made["path"]).json()["content"]["cells"][0]["source"] == "1"
    assert server.ask("PATCH", f"/api/contents/{made['path']}", json={"path": "work.ipynb"}).status_code == 200
    assert put(server, "notes.md", type="file", format="text", content="# Notes").status_code == 201
    assert put(server, "shared/notes.md", type="file", format="text", content="# Ours").status_code == 201
    copied = server.ask("POST", "/api/contents/", json={"copy_from": "notes.md"}).json()
    assert get(server, copied["path"]).json()["content"] == "# Notes"
    assert put(server, "folder", type="directory").status_code == 201
    names = {entry["name"] for entry in get(server, "").json()["content"]}
    assert {"work.ipynb", "notes.md", "folder", "shared"} <= names
    assert server.ask("GET", "/api/contents/work.ipynb/checkpoints").json() == []
    assert server.ask("POST", "/api/contents/work.ipynb/checkpoints").status_code == 201
    for name in ("work.ipynb", "notes.md", copied["path"], "folder"):
        assert server.ask("DELETE", f"/api/contents/{name}").status_code == 204


def link_to_state(server: Server, name: str) -> None:
    (server.private / "state").write_text(SECRET)
    (server.home / name).symlink_to(server.private / "state")


def link_to_account_file(server: Server, name: str) -> None:
    (server.home / name).symlink_to("/etc/passwd")


def second_name(server: Server, name: str) -> None:
    (server.private / "other").write_text(SECRET)
    os.link(server.private / "other", server.home / name)


def pipe(server: Server, name: str) -> None:
    os.mkfifo(server.home / name)


PLANTS = [link_to_state, link_to_account_file, second_name, pipe]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("suffix", ["txt", "ipynb", "csv"])
def test_what_is_no_plain_file_is_neither_read_nor_written(
    plant: Callable[[Server, str], None], suffix: str, server: Server
) -> None:
    name = f"{plant.__name__}.{suffix}"
    plant(server, name)
    before = os.lstat(server.home / name)
    for answer in (
        get(server, name),
        get(server, name, type="file", format="text"),
        get(server, name, type="file", format="base64"),
        get(server, name, content=0),
        put(server, name, type="file", format="text", content="overwritten"),
        put(server, name, type="notebook", format="json", content=notebook()),
        server.ask("POST", "/api/contents/", json={"copy_from": name}),
    ):
        assert 400 <= answer.status_code < 500
        assert SECRET not in answer.text
        assert "root:" not in answer.text
    assert os.lstat(server.home / name).st_ino == before.st_ino
    assert Path("/etc/passwd").read_text().startswith("root:")
    assert name not in {entry["name"] for entry in get(server, "").json()["content"]}


def test_jupyters_own_manager_follows_the_same_links_to_read_and_to_write(stock: Server) -> None:
    link_to_state(stock, "link.txt")
    assert get(stock, "link.txt").json()["content"] == SECRET
    assert put(stock, "link.txt", type="file", format="text", content="overwritten").status_code == 200
    assert (stock.private / "state").read_text() == "overwritten"


def test_jupyters_own_errors_quote_the_file_and_ours_do_not(stock: Server, server: Server) -> None:
    for where in (stock, server):
        (where.home / "table.ipynb").write_text(f"{SECRET},71\n")
    assert SECRET in get(stock, "table.ipynb").text
    ours = get(server, "table.ipynb")
    assert ours.status_code == 403
    assert SECRET not in ours.text
    assert ours.json()["message"] == "The file is not a valid notebook of format 4."


def test_bytes_are_not_served_as_base64(stock: Server, server: Server) -> None:
    for where in (stock, server):
        (where.home / "image.dcm").write_bytes(b"\0" * 128 + b"DICM" + SECRET.encode())
    assert SECRET.encode() in base64.b64decode(get(stock, "image.dcm", format="base64").json()["content"])
    for query in ({}, {"format": "base64"}, {"format": "text"}, {"type": "file"}):
        assert get(server, "image.dcm", **query).status_code == 403


@pytest.mark.parametrize("name", ["image.txt", "nul.csv", "latin.txt"])
def test_bytes_under_a_text_name_are_refused(name: str, server: Server) -> None:
    content = {"image.txt": b"\x89PNG\r\n\x1a\n", "nul.csv": b"a\0b", "latin.txt": "Größe".encode("latin-1")}[name]
    (server.home / name).write_bytes(content)
    answer = get(server, name)
    assert answer.status_code == 403
    assert answer.json()["message"] == "The file is not UTF-8 text."


def test_no_hash_of_a_file_is_given(server: Server) -> None:
    (server.home / "a.txt").write_text("text")
    answer = get(server, "a.txt", hash=1).json()
    assert not answer.get("hash")


def test_a_notebook_is_not_served_raw(server: Server) -> None:
    hidden = notebook(new_output("display_data", data={"application/vnd.x": SECRET}))
    (server.home / "raw.ipynb").write_text(json.dumps(hidden))
    assert get(server, "raw.ipynb", type="file", format="text").status_code == 403
    assert SECRET not in get(server, "raw.ipynb").text


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("a.bin", {"type": "file", "format": "base64", "content": "AAAA"}),
        ("a.txt", {"type": "file", "format": "base64", "content": "AAAA"}),
        ("a.txt", {"type": "file", "format": "text", "content": "a\0b"}),
        ("a.txt", {"type": "file", "format": "text", "content": 7}),
        ("a.txt", {"type": "file", "format": "text", "content": "a", "chunk": 1}),
        ("a.exe", {"type": "file", "format": "text", "content": "MZ"}),
        ("a.txt", {"type": "file", "format": "text", "content": "x" * 5_000_001}),
        ("a.txt", {"type": "notebook", "format": "json", "content": {}}),
        ("a.ipynb", {"type": "file", "format": "text", "content": "x"}),
        ("a.ipynb", {"type": "notebook", "format": "json", "content": {"a": 1}}),
        (".hidden.txt", {"type": "file", "format": "text", "content": "x"}),
        ("..%2Fout.txt", {"type": "file", "format": "text", "content": "x"}),
    ],
)
def test_what_is_no_text_and_no_notebook_is_not_written(name: str, model: dict[str, Any], server: Server) -> None:
    (server.home / "a.txt").unlink(missing_ok=True)
    before = sorted(path.name for path in server.home.iterdir())
    assert 400 <= put(server, name, **model).status_code < 500
    assert sorted(path.name for path in server.home.iterdir()) == before
    assert not (server.home.parent / "out.txt").exists()


def test_jupyters_own_manager_writes_bytes_and_any_suffix(stock: Server) -> None:
    assert put(stock, "a.bin", type="file", format="base64", content="TVo=").status_code == 201
    assert (stock.home / "a.bin").read_bytes() == b"MZ"
    assert put(stock, "a.exe", type="file", format="text", content="MZ").status_code == 201


def test_a_body_larger_than_any_notebook_is_cut_off(server: Server) -> None:
    answer = put(server, "big.txt", type="file", format="text", content="x" * 45_000_000)
    assert answer.status_code >= 400
    assert not (server.home / "big.txt").exists()


def drawn(server: Server) -> int:
    return int(server.ask("GET", "/tidegate/usage").json()["drawn"])


def counted_and_served(server: Server) -> tuple[int, int]:
    before = drawn(server)
    bodies = [get(server, "counted.txt"), get(server, ""), get(server, "none.txt"), server.ask("GET", "/api/kernels")]
    return drawn(server) - before, sum(len(answer.content) for answer in bodies)


def test_everything_served_is_counted(server: Server) -> None:
    """To the byte, in a moment in which no answer to a client of an earlier test, gone by then, is still on its way."""
    (server.home / "counted.txt").write_text("x" * 5_000)
    seen = [counted_and_served(server)]
    while seen[-1][0] != seen[-1][1] and len(seen) < TRIES:
        seen.append(counted_and_served(server))
    assert all(counted >= served for counted, served in seen), "no less than was served"
    assert seen[-1][0] == seen[-1][1], "and no more"


def plant_in_home(folder: Path) -> Path:
    """All that Jupyter and Python look for below a home; the file that shows that one of them was run."""
    home, proof = folder / "home", folder / "proof"
    code = f"open({str(proof)!r}, 'w').write('ran')\n"
    spec = json.dumps({"argv": ["touch", str(proof)], "display_name": "Planted", "language": "python"})
    page = json.dumps({"plantedSetting": SECRET})
    plants = {
        ".jupyter/jupyter_server_config.py": code,
        ".jupyter/jupyter_config.py": code,
        "jupyter_server_config.py": code,
        ".ipython/profile_default/startup/a.py": code,
        ".jupyter/labconfig/page_config.json": page,
        ".local/share/jupyter/kernels/planted/kernel.json": spec,
        ".local/share/jupyter/labextensions/x/package.json": page,
        ".local/lib/python3.11/site-packages/usercustomize.py": code,
        ".ipython/kernels/planted/kernel.json": spec,
        "sitecustomize.py": code,
    }
    for name, text in plants.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return proof


STOCK_START = """
from jupyter_server.serverapp import ServerApp
app = ServerApp(allow_root=True)
app.initialize(argv=[], find_extensions=False, new_httpserver=False)
print(sorted(app.kernel_spec_manager.find_kernel_specs()))
"""


def test_a_stock_server_with_the_same_home_runs_what_is_planted(tmp_path: Path) -> None:
    """This shows that the plants are where they matter."""
    proof = plant_in_home(tmp_path)
    command = [sys.executable, "-c", STOCK_START]
    env = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=env, cwd=tmp_path / "home", capture_output=True, text=True, check=True)
    assert "planted" in done.stdout
    assert proof.read_text() == "ran"


def test_what_researchers_plant_in_home_is_not_read_by_the_server(tmp_path: Path, intake: RecordingIntake) -> None:
    """Configuration, kernelspecs, extensions and packages that the server would run with its own rights."""
    proof = plant_in_home(tmp_path)
    with session_server(tmp_path, intake.url) as running:
        assert set(running.ask("GET", "/api/kernelspecs").json()["kernelspecs"]) == {"python3"}
        assert SECRET not in running.ask("GET", "/lab").text
        assert running.ask("POST", "/api/kernels", json={"name": "planted"}).status_code >= 400
    assert not proof.exists()
