"""One file: its decoded view, its redrawn picture, and the download of what was released."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from egress_review.application import looking
from egress_review.application.downloads import open_download, read_beside
from egress_review.domain.refusals import refused
from egress_review.web.desk import desk
from egress_review.web.person import by, signed_in
from tidegate.web.origin import asked_from_here


@require_GET
@signed_in
def file_page(request: HttpRequest, request_id: str, name: str) -> HttpResponseBase:
    view = looking.look_at_file(desk().ports, request_id, by(request), name)
    head, *rest = view.rows or ((),)
    context = {"view": view, "head": head, "rows": rest, "request_id": request_id, "shown": looking.ROWS}
    return render(request, "egress/file.html", context)


@require_GET
@signed_in
def picture(request: HttpRequest, request_id: str, name: str) -> HttpResponseBase:
    """A PNG made by our own sandbox; the bytes that arrived are never sent."""
    body = looking.look_at_picture(desk().ports, request_id, by(request), name)
    return HttpResponse(body, content_type="image/png")


@require_GET
@signed_in
def download(request: HttpRequest, request_id: str, name: str) -> HttpResponseBase:
    if not asked_from_here(request):
        raise refused("not_our_link")
    found = open_download(desk().ports, request_id, by(request), name, desk().clock)
    return StreamingHttpResponse(
        in_a_thread(found.chunks),
        content_type="application/octet-stream",
        headers={"Content-Length": str(found.size), "Content-Disposition": _attachment(name)},
    )


@require_GET
@signed_in
def beside(request: HttpRequest, request_id: str, which: str) -> HttpResponseBase:
    """The release record and the licence's duties."""
    body = read_beside(desk().ports, request_id, by(request), which)
    headers = {"Content-Disposition": _attachment(which)}
    return HttpResponse(body, content_type="application/octet-stream", headers=headers)


async def in_a_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Hands on one chunk at a time, so that a large file is never held whole."""

    def following() -> bytes:
        return next(chunks, b"")

    while chunk := await sync_to_async(following)():
        yield chunk


def _attachment(name: str) -> str:
    return content_disposition_header(as_attachment=True, filename=name.rsplit("/", 1)[-1]) or "attachment"
