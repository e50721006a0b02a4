"""The content security policy of a workspace's origin, put on every answer by `transform.Outgoing`.

The browser is the researcher's own, but what it shows was written by untrusted code: the policy keeps a page from
fetching, framing, opening or downloading anything outside its own origin.
"""

from typing import Final

HEADER: Final = "Content-Security-Policy"


def content_security_policy(public_origin: str) -> str:
    """The policy as one header value; `public_origin` is the workspace's own, which is not the hub's."""
    return "; ".join(f"{name} {value}".strip() for name, value in _directives(public_origin))


def _directives(public_origin: str) -> tuple[tuple[str, str], ...]:
    sockets = public_origin.replace("http", "ws", 1)
    return (
        ("default-src", "'self'"),
        ("script-src", "'self' 'unsafe-inline' 'unsafe-eval'"),
        ("style-src", "'self' 'unsafe-inline'"),
        ("img-src", "'self' data: blob:"),
        ("font-src", "'self' data:"),
        ("connect-src", f"'self' {sockets}"),
        ("worker-src", "'self' blob:"),
        ("frame-src", "'none'"),
        ("object-src", "'none'"),
        ("form-action", "'self'"),
        ("base-uri", "'self'"),
        ("frame-ancestors", "'none'"),
        ("sandbox", "allow-scripts allow-same-origin allow-forms allow-modals"),
    )


def answer_headers(public_origin: str) -> dict[str, str]:
    """Headers that no answer of the session server lacks."""
    return {
        HEADER: content_security_policy(public_origin),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
