"""What a notebook calls to ask for a release; runs inside the sandbox, among the researcher's own code.

    from tidegate_notebook import release
    release("table.csv", context={"purpose": "Table 1 of the paper"})

Standard library only, and trusted by nobody: it writes a request into the folder `outbox` of the home folder, and the
session server, which watches that folder, opens the files by its own rules.

The request is `outbox/<id>.json`: `{"id": id, "files": [paths below home], "context": {name: text}}`.
The answer is `outbox/<id>.answer.json`: `{"ok": true, "url": address of the draft}` or
`{"ok": false, "code": name, "sentence": text}`.
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OUTBOX = "outbox"
POLL_SECONDS = 0.2

CONTEXT = {
    "purpose": "what the output is for",
    "audience": "who will see it",
    "row_meaning": "what one row, or one mark of a figure, stands for",
    "smallest_count": "the smallest number of people behind any figure",
    "control": "what was done so that nobody can be recognised",
    "code": "which notebook or script made it",
}


class ReleaseError(Exception):
    """The request was refused; the text says why."""

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the reason alone. Our own lines of code would tell a researcher nothing."""
        return [f"{type(self).__name__}: {self}"]


def release(*files: str | os.PathLike[str], context: Mapping[str, str] | None = None, wait: float = 30.0) -> str | None:
    """Ask for files to be released. They become a draft, which you complete and submit in the browser.

    Args:
        files: files in your home folder; CSV tables, figures (PNG, JPEG), text.
        context: what the checkers need to know, any of the names in `CONTEXT`. You can add it in the browser.
        wait: how many seconds to wait for the answer.

    Returns:
        The address of the draft, or None when the answer has not come in time; the request then stands.

    Raises:
        ReleaseError: it was refused, with the reason.
    """
    home = Path.home().resolve()
    if not files:
        raise ReleaseError("Name at least one file to release.")
    paths = [_below(home, file) for file in files]
    request = {"id": secrets.token_hex(8), "files": paths, "context": _checked(context)}
    outbox = home / OUTBOX
    outbox.mkdir(exist_ok=True)
    _write_whole(outbox / f"{request['id']}.json", request)
    answer = _wait_for(outbox / f"{request['id']}.answer.json", wait)
    return _told(answer, len(request["files"]))


def _below(home: Path, file: str | os.PathLike[str]) -> str:
    path = Path(os.path.abspath(file))  # noqa: PTH100  # `resolve` would follow links, which the session server refuses
    if not path.is_relative_to(home):
        raise ReleaseError(f"{file} is not in your home folder {home}; copy it there first.")
    if path.is_dir():
        raise ReleaseError(f"{path} is a folder; name each file in it that is to be released.")
    if not path.is_file():
        raise ReleaseError(f"There is no file {path}; this notebook works in {Path.cwd()}.")
    return path.relative_to(home).as_posix()


def _checked(context: Mapping[str, str] | None) -> dict[str, str]:
    given = dict(context or {})
    unknown = sorted(set(given) - set(CONTEXT))
    if unknown:
        raise ReleaseError(f"Unknown context {', '.join(unknown)}. Known: {', '.join(CONTEXT)}.")
    return {name: str(value) for name, value in given.items()}


def _write_whole(path: Path, content: dict[str, Any]) -> None:
    """A reader sees all of it or nothing."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content))
    part.chmod(0o660)
    part.replace(path)


def _wait_for(path: Path, seconds: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() >= deadline:
            return None
        time.sleep(POLL_SECONDS)
    answer: dict[str, Any] = json.loads(path.read_text())
    return answer


def _told(answer: dict[str, Any] | None, count: int) -> str | None:
    if answer is None:
        print("No answer yet. The request stands; look at your releases in the browser.")  # noqa: T201
        return None
    if not answer.get("ok"):
        raise ReleaseError(f"{answer.get('sentence', 'The request was refused.')} [{answer.get('code', 'refused')}]")
    url = str(answer["url"])
    print(f"{count} file{'s' if count != 1 else ''} added to a draft. Complete and submit it: {url}")  # noqa: T201
    return url
