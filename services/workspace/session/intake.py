"""The egress intake as the session server sees it. Used by `drawn` and `release`; the only outside address but the hub.

Every call carries the workspace's own token: the intake learns author and project from the hub, never from a call.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx2

from workspace.session.text import clipped, fields

TIMEOUT: Final = httpx2.Timeout(30.0, connect=5.0)
MAX_WORDS: Final = 500
HAS_DRAFT: Final = 409
REFUSED: Final = 400


class IntakeError(Exception):
    """The intake refused or does not answer; the code is stable and the sentence is for the person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Draft:
    id: str
    url: str


class Intake:
    def __init__(self, url: str, token: str) -> None:
        self._url = url
        headers = {"Authorization": f"token {token}"}
        # Proxies named in an environment are not ours to use.
        self._client = httpx2.AsyncClient(headers=headers, timeout=TIMEOUT, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def drawn_total(self) -> int:
        return _total(await self._ask("GET", "drawn"))

    async def add_drawn(self, sizes: Mapping[str, int]) -> int:
        return _total(await self._ask("POST", "drawn", json={"bytes": dict(sizes)}))

    async def open_draft(self, context: Mapping[str, str]) -> Draft:
        """A new draft, or the one the person has open already."""
        answer = await self._send("POST", "drafts", json={"context": dict(context)})
        found = _object(answer)
        draft = Draft(clipped(found.get("id"), MAX_WORDS), clipped(found.get("url"), MAX_WORDS))
        if answer.status_code == HAS_DRAFT and draft.id:
            return draft
        _check(answer)
        return draft

    async def put_file(self, draft: Draft, path: str, digest: str, size: int, chunks: AsyncIterator[bytes]) -> None:
        headers = {"Content-Length": str(size), "X-Content-SHA256": digest, "Content-Type": "application/octet-stream"}
        await self._ask(
            "PUT", f"drafts/{quote(draft.id, safe='')}/files/{quote(path)}", content=chunks, headers=headers
        )

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, object]:  # noqa: ANN401 - httpx2's options
        answer = await self._send(method, path, **options)
        _check(answer)
        return _object(answer)

    async def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx2's options
        try:
            return await self._client.request(method, f"{self._url}/{path}", **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise IntakeError(
                "intake_unreachable", "The release service does not answer. Ask again in a minute."
            ) from error


def _object(answer: httpx2.Response) -> dict[str, object]:
    try:
        return fields(answer.json())
    except ValueError:
        return {}


def _check(answer: httpx2.Response) -> None:
    if answer.status_code < REFUSED and answer.status_code // 100 == 2:  # noqa: PLR2004 - success
        return
    said = _object(answer)
    code = clipped(said.get("code"), MAX_WORDS) or f"intake_{answer.status_code}"
    raise IntakeError(code, clipped(said.get("sentence"), MAX_WORDS) or "The release service refused the request.")


def _total(answer: Mapping[str, object]) -> int:
    total = answer.get("total")
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise IntakeError("intake_answer", "The release service gave no total of drawn bytes.")
    return total
