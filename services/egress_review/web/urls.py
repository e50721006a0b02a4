"""Every address of the service. What is not here does not exist."""

from django.urls import path, register_converter

from egress_review.web import intake, pages, views
from egress_review.web.acts import act
from tidegate.web.files import static_file
from tidegate.web.login import callback, login, logout


class RequestId:
    regex = "[0-9a-f]{20}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(RequestId, "request")

urlpatterns = [
    path("", pages.releases),
    path("queue", pages.queue),
    path("healthz", pages.healthz),
    path("readyz", pages.readyz),
    path("login", login),
    path("oauth/callback", callback),
    path("logout", logout),
    path("static/<str:name>", static_file),
    path("r/<request:request_id>", pages.request_page),
    path("r/<request:request_id>/do/<slug:name>", act),
    path("r/<request:request_id>/view/<path:name>", views.file_page),
    path("r/<request:request_id>/picture/<path:name>", views.picture),
    path("r/<request:request_id>/download/<path:name>", views.download),
    path("r/<request:request_id>/beside/<str:which>", views.beside),
    path("intake/v1/drafts", intake.drafts),
    path("intake/v1/drafts/<str:request_id>", intake.draft),
    path("intake/v1/drawn", intake.drawn_totals),
]
handler404 = "egress_review.web.errors.not_found"
handler500 = "egress_review.web.errors.failed"
