"""The contents manager of the session server: folders, notebooks and text, opened by `safe_tree`'s rules only.

Jupyter's file manager follows links to read and to write, serves any file as base64 and quotes files in its errors;
none of it is used. Jupyter Server calls these methods from its contents handlers.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from jupyter_server.services.contents.checkpoints import AsyncCheckpoints
from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado.web import HTTPError
from traitlets import Instance, default

from tidegate.model import utc_now
from workspace.session.notebooks import read_notebook, write_notebook
from workspace.session.refusals import PathRefusedError, Reason
from workspace.session.safe_tree import Entry, SafeTree, components

NOTEBOOK: Final = ".ipynb"
_SUFFIXES: Final = ".py .md .txt .csv .tsv .json .yaml .yml .toml .ini .cfg .r .rmd .jl .sql .sh .rst .tex .bib .log"
TEXT_SUFFIXES: Final = tuple(_SUFFIXES.split())
MAX_NOTEBOOK: Final = 30_000_000
MAX_TEXT: Final = 5_000_000
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_CONTROLS: Final = frozenset(map(chr, range(32))) - set("\t\n\r\f\v\x1b")

Model = dict[str, Any]


class NoCheckpoints(AsyncCheckpoints):  # type: ignore[misc] # Jupyter carries no types
    """There are none: Lab asks for one at each save, and is told that it has been made at that moment."""

    async def create_checkpoint(self, contents_mgr: object, path: str) -> Model:  # noqa: ARG002 - Jupyter's signature
        return {"id": "saved", "last_modified": utc_now()}

    async def list_checkpoints(self, path: str) -> list[Model]:  # noqa: ARG002 - as above
        return []

    async def delete_all_checkpoints(self, path: str) -> None:
        """Nothing to delete."""

    async def rename_all_checkpoints(self, old_path: str, new_path: str) -> None:
        """Nothing to rename."""


class GuardedContents(AsyncContentsManager):  # type: ignore[misc] # Jupyter carries no types
    tree = Instance(SafeTree)
    checkpoints_class = NoCheckpoints
    files_handler_class = None

    @default("tree")  # type: ignore[untyped-decorator] # traits carry no types
    def _open_tree(self) -> SafeTree:
        return SafeTree(self.parent.tidegate.home)

    def get_extra_handlers(self) -> list[Any]:
        """No `/files`."""
        return []

    def get_kernel_path(self, path: str, model: Model | None = None) -> str:  # noqa: ARG002 - Jupyter's signature
        """A notebook's kernel starts beside it; the launcher goes up from here to the nearest folder there is."""
        return path

    async def is_hidden(self, path: str) -> bool:
        try:
            components(path)
        except PathRefusedError:
            return True
        return False

    async def file_exists(self, path: str) -> bool:
        return self._is(path, folder=False)

    async def dir_exists(self, path: str) -> bool:
        return self._is(path, folder=True)

    def _is(self, path: str, *, folder: bool) -> bool:
        try:
            return self.tree.entry(path).is_folder is folder
        except PathRefusedError as refused:
            # A name that is taken by a link or a pipe is taken: nothing may be created over it.
            return refused.reason is Reason.NOT_PLAIN and not folder

    # No `require_hash`: Jupyter then answers without one, and a hash of any file is not to be had.
    async def get(self, path: str, content: bool = True, type: str | None = None, format: str | None = None) -> Model:  # noqa: A002, FBT001, FBT002 - Jupyter's signature
        with answered():
            return await asyncio.to_thread(self._get, path, content=bool(content), wanted=type, shape=format)

    def _get(self, path: str, *, content: bool, wanted: str | None, shape: str | None) -> Model:
        entry = self.tree.entry(path)
        kind = _kind(path, entry)
        if shape == "base64" or (wanted is not None and wanted != kind):
            raise PathRefusedError(Reason.NOT_SHOWN)
        model = _model(path, entry)
        return {**model, **self._content(path, kind)} if content else model

    def _content(self, path: str, kind: str) -> Model:
        if kind == "directory":
            found = self.tree.listing(path)
            return {"format": "json", "content": [_model(f"{path.strip('/')}/{entry.name}", entry) for entry in found]}
        if kind == "notebook":
            return {"format": "json", "content": read_notebook(self.tree.read(path, MAX_NOTEBOOK))}
        return {"format": "text", "content": _text(path, self.tree.read(path, MAX_TEXT)), "mimetype": "text/plain"}

    async def save(self, model: Model, path: str = "") -> Model:
        with answered():
            return await asyncio.to_thread(self._save, model, path)

    def _save(self, model: Model, path: str) -> Model:
        kind = model.get("type")
        if model.get("chunk") is not None or model.get("format") not in {None, "json", "text"}:
            raise PathRefusedError(Reason.NOT_WRITTEN)
        if kind == "directory":
            self.tree.make_folder(path)
        else:
            self.tree.write(path, _bytes_of(path, kind, model.get("content")))
        return _model(path, self.tree.entry(path))

    async def delete_file(self, path: str) -> None:
        with answered():
            await asyncio.to_thread(self.tree.delete, path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        with answered():
            await asyncio.to_thread(self.tree.rename, old_path, new_path)

    async def trust_notebook(self, path: str) -> None:  # noqa: ARG002 - Jupyter's signature
        raise HTTPError(403)


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Turn a refusal into an HTTP answer that holds its constant sentence and nothing else."""
    try:
        yield
    except PathRefusedError as refused:
        raise HTTPError(refused.status, refused.sentence, reason=refused.reason.value) from None


def _kind(path: str, entry: Entry) -> str:
    if entry.is_folder:
        return "directory"
    return "notebook" if path.lower().endswith(NOTEBOOK) else "file"


def _model(path: str, entry: Entry) -> Model:
    modified = min(datetime.fromtimestamp(max(0.0, min(entry.modified, LATEST.timestamp())), UTC), LATEST)
    return {
        "name": entry.name,
        "path": path.strip("/"),
        "type": _kind(path, entry),
        "writable": True,
        "created": modified,
        "last_modified": modified,
        "size": None if entry.is_folder else entry.size,
        "mimetype": None,
        "format": None,
        "content": None,
    }


def _is_text_name(path: str) -> bool:
    return path.lower().endswith(TEXT_SUFFIXES)


def _text(path: str, data: bytes) -> str:
    if not _is_text_name(path):
        raise PathRefusedError(Reason.NOT_SHOWN)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise PathRefusedError(Reason.NOT_TEXT) from None
    if not _CONTROLS.isdisjoint(text):
        raise PathRefusedError(Reason.NOT_TEXT)
    return text


def _bytes_of(path: str, kind: object, content: object) -> bytes:
    """What is stored for a save: a clean notebook, or text under a listed suffix, within the caps."""
    is_notebook = path.lower().endswith(NOTEBOOK)
    if is_notebook is not (kind == "notebook"):
        raise PathRefusedError(Reason.NOT_WRITTEN)
    data = write_notebook(content) if is_notebook else _text_bytes(path, content)
    if len(data) > (MAX_NOTEBOOK if is_notebook else MAX_TEXT):
        raise PathRefusedError(Reason.TOO_LARGE)
    return data


def _text_bytes(path: str, content: object) -> bytes:
    if not isinstance(content, str) or not _is_text_name(path):
        raise PathRefusedError(Reason.NOT_WRITTEN)
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise PathRefusedError(Reason.NOT_TEXT) from None
    _text(path, data)
    return data
