"""A person at a browser, without one: cookies per host, redirects, forms sent as the page holds them.

The walk uses it so that every step goes through the same pages, tokens and checks as a person's clicks. The browser
tests do the same in Chromium.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx2
import lxml.html

from tidegate.model import TidegateError

TIMEOUT = 60.0
ERROR = 400


class Loopback(httpx2.BaseTransport):
    """Sends every ``*.localhost`` name to 127.0.0.1, as browsers do and the C library may not."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.host.endswith("localhost"):
            msg = f"{request.url.host} is not on this machine"
            raise httpx2.ConnectError(msg)
        there = request.url.copy_with(host="127.0.0.1")
        return self._inner.handle_request(
            httpx2.Request(request.method, there, headers=request.headers, stream=request.stream)
        )

    def close(self) -> None:
        self._inner.close()


class Page:
    """What the person sees: the address, the status, and the forms and links on it."""

    def __init__(self, response: httpx2.Response) -> None:
        self.url = str(response.url)
        self.status = response.status_code
        self._tree = lxml.html.fromstring(response.text or "<html/>", base_url=self.url)

    @property
    def text(self) -> str:
        """The words on it, without markup."""
        return " ".join(self._tree.text_content().split())

    def form(self, ending: str) -> lxml.html.FormElement:
        """The form whose action ends so.

        Raises:
            TidegateError: ``form_missing``.
        """
        for form in self._tree.forms:
            if urljoin(self.url, form.action or self.url).split("?")[0].endswith(ending):
                return form
        raise TidegateError("form_missing", f"{self.url} has no form {ending!r}; it says: {self.text[:300]}")

    def has_form(self, ending: str) -> bool:
        return any(
            urljoin(self.url, form.action or self.url).split("?")[0].endswith(ending) for form in self._tree.forms
        )

    def field_names(self, ending: str) -> list[str]:
        """Names of a form's fields, radio buttons once."""
        return list(dict.fromkeys(str(name) for name in self.form(ending).fields))

    def value(self, label: str) -> str:
        """What a summary list says beside this label."""
        for term in self._tree.iter("dt"):
            if _words(term) == label and (beside := term.getnext()) is not None:
                return _words(beside)
        raise TidegateError("label_missing", f"{self.url} says nothing about {label!r}: {self.text[:300]}")

    def codes(self) -> list[str]:
        """What stands in code type, in order."""
        return [_words(element) for element in self._tree.iter("code")]

    def beside(self, css_class: str) -> list[str]:
        """The words of the element right after each element of this class, each once."""
        found = (mark.getnext() for mark in self._tree.find_class(css_class))
        return list(dict.fromkeys(_words(element) for element in found if element is not None))

    def row_heads(self) -> list[str]:
        """What heads each row of the tables."""
        return [_words(element) for element in self._tree.iter("th") if element.get("scope") == "row"]

    def links(self, part: str) -> list[str]:
        """Addresses of the links that contain this, in order, each once."""
        found = (urljoin(self.url, href) for _, _, href, _ in self._tree.iterlinks() if part in href)
        return list(dict.fromkeys(found))


def _words(element: lxml.html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


class Person:
    """One person's browser."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.http = httpx2.Client(transport=Loopback(), timeout=TIMEOUT, follow_redirects=True)

    def open(self, url: str) -> Page:
        return self._page(self.http.get(url))

    def fetch(self, url: str) -> bytes:
        """The bytes of a download."""
        response = self.http.get(url)
        if response.status_code >= ERROR:
            raise TidegateError("download_refused", f"{url} answered {response.status_code}: {response.text[:300]}")
        return response.content

    def send(self, page: Page, ending: str, values: Mapping[str, str] | None = None) -> Page:
        """Fill in a form of the page and send it as a browser would. A button pressed is one of the values."""
        form = page.form(ending)
        body: dict[str, list[str]] = {}
        for key, value in form.form_values():
            body.setdefault(str(key), []).append(str(value))
        body |= {key: [value] for key, value in (values or {}).items()}
        origin = "/".join(page.url.split("/")[:3])
        headers = {"Origin": origin, "Referer": page.url, "Sec-Fetch-Site": "same-origin"}
        return self._page(self.http.post(urljoin(page.url, form.action or page.url), data=body, headers=headers))

    def log_in(self, login_url: str, password: str) -> Page:
        page = self.open(login_url)
        return self.send(page, "/hub/login", {"username": self.name, "password": password})

    def cookies_for(self, url: str) -> str:
        """The Cookie header this browser would send there."""
        request = httpx2.Request("GET", url)
        self.http.cookies.set_cookie_header(request)
        return str(request.headers.get("Cookie", ""))

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _page(self, response: httpx2.Response) -> Page:
        page = Page(response)
        if page.status >= ERROR:
            raise TidegateError("page_refused", f"{self.name} at {page.url} got {page.status}: {page.text[:400]}")
        return page
