"""Serves the few static files of `static/`, read once; nothing else of the disk can be asked for."""

from functools import cache
from importlib.resources import files
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

TYPES: Final[dict[str, str]] = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@require_safe
def static_file(_request: HttpRequest, name: str) -> HttpResponse:
    content = _contents().get(name)
    if content is None:
        raise Http404
    kind = TYPES[name[name.rindex(".") :]]
    return HttpResponse(content, content_type=kind, headers={"Cache-Control": "public, max-age=300"})


@cache
def _contents() -> dict[str, bytes]:
    folder = files("tidegate.web") / "static"
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.name.endswith(tuple(TYPES))}
