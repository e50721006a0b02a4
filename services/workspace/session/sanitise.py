"""Text a kernel may show: HTML without scripts, links or styles that reach out; Markdown and TeX without commands.

Called by `display`. What leaves here is drawn by JupyterLab in the workspace's own origin, so nothing in it may run,
fetch, link outside or imitate the interface.
"""

import re
from typing import Final

import nh3

_TAG_NAMES: Final = (
    "b blockquote br caption code col colgroup dd details div dl dt em h1 h2 h3 h4 h5 h6 hr i kbd li ol p pre s samp "
    "small span strong sub summary sup table tbody td tfoot th thead tr u ul var"
)
TAGS: Final = frozenset(_TAG_NAMES.split())
ATTRIBUTES: Final = {"*": {"align", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
CLASSES: Final = {"table": {"dataframe"}}
DROPPED_WITH_CONTENT: Final = {"script", "style", "svg", "math", "iframe", "object", "template", "noscript", "title"}

# Commands with which TeX can make links, set styles and identifiers, or load more of itself.
_TEX_COMMAND: Final = re.compile(
    r"\\(href|url|class|cssId|style|data|require|unicode|includegraphics|html\w*|newcommand|renewcommand|def|let|bbox|mmlToken)"
)
_TAG_START: Final = re.compile(r"<(?=[A-Za-z/!?])")
_LINK_TARGET: Final = re.compile(r"(\]\s*[(:]\s*<?)\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|[/\\]{1,2}|&)")
_SCHEME: Final = re.compile(r"(?<=[A-Za-z0-9+.-]):(?=//)|(?i:\bwww)\.(?=\w)|(?<=mailto):", re.IGNORECASE)


def clean_html(text: str) -> str:
    """HTML from an allow-list of tags: no script, handler, form, meta, link, picture, style, or class of the Lab's."""
    cleaned = nh3.clean(
        text,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        allowed_classes=CLASSES,
        clean_content_tags=DROPPED_WITH_CONTENT,
        link_rel=None,
        strip_comments=True,
    )
    return plain_tex(cleaned)


def clean_markdown(text: str) -> str:
    """Markdown whose HTML shows as text and whose links lead nowhere outside."""
    no_html = _TAG_START.sub("&lt;", text)
    no_targets = _LINK_TARGET.sub(r"\1#", no_html)
    return plain_tex(_SCHEME.sub(lambda match: f"{match[0]}\u200b", no_targets))


def plain_tex(text: str) -> str:
    """TeX commands that reach beyond drawing lose their backslash and show as words."""
    return _TEX_COMMAND.sub(r"\1", text)
