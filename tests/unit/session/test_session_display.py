"""Which representations of an output are drawn, and what is taken out of them first."""

import base64
import io
import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from workspace.session.display import BAD_IMAGE, MAX_RICH, NOT_SHOWN, clean_bundle, clean_sizes
from workspace.session.images import BadImageError, clean_image, clean_jpeg, clean_png
from workspace.session.sanitise import clean_html, clean_markdown, plain_tex

SECRET = b"patient-0042"


def picture(form: str = "PNG", side: int = 8, **options: object) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 40).convert("RGB").save(out, form, **options)
    return out.getvalue()


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    "kind", ["application/javascript", "image/svg+xml", "application/vnd.x+json", "text/x", "video/mp4"]
)
def test_an_unlisted_kind_becomes_a_notice(kind: str) -> None:
    assert clean_bundle({kind: "<script>1</script>"}) == {"text/plain": NOT_SHOWN}


def test_a_listed_kind_beside_an_unlisted_one_stays() -> None:
    assert clean_bundle({"text/plain": "IntSlider()", "application/vnd.widget": "x"}) == {"text/plain": "IntSlider()"}


@pytest.mark.parametrize("data", [None, 3, "text", [], {"text/plain": 3}, {"text/html": {"a": 1}}])
def test_a_bundle_of_the_wrong_shape_is_harmless(data: object) -> None:
    assert set(clean_bundle(data)) <= {"text/plain", "text/html"}


def test_a_png_keeps_its_pixels_and_nothing_else() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", SECRET.decode())
    data = picture(pnginfo=notes) + SECRET
    assert SECRET in data
    cleaned = clean_png(data)
    assert SECRET not in cleaned
    assert pixels(cleaned) == pixels(data)


def test_a_jpeg_keeps_its_pixels_and_nothing_else() -> None:
    data = picture("JPEG", comment=SECRET, exif=b"Exif\0\0" + SECRET) + SECRET
    assert data.count(SECRET) == 3
    cleaned = clean_jpeg(data)
    assert SECRET not in cleaned
    assert pixels(cleaned) == pixels(data)


def test_a_private_chunk_is_left_behind() -> None:
    data = picture()
    planted = data[:33] + chunk(b"teSt", SECRET) + data[33:]
    assert clean_png(planted) == clean_png(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DICM" * 100,
        b"\x89PNG\r\n\x1a\n" + SECRET * 10,
        picture()[:-20],
        picture().replace(b"IDAT", b"JDAT"),
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
        + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"abc") + chunk(b"IEND", b""),
    ],
)
def test_a_damaged_or_huge_png_is_refused(data: bytes) -> None:
    with pytest.raises(BadImageError):
        clean_image("image/png", text_of(data))
    assert clean_bundle({"image/png": text_of(data), "text/plain": "Figure"}) == {"text/plain": BAD_IMAGE}


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", picture("JPEG")[:60], picture("PNG"), b"\xff\xd8" + SECRET]
)
def test_a_damaged_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(BadImageError):
        clean_image("image/jpeg", text_of(data))


@pytest.mark.parametrize("text", [None, 4, "not base64!", "A" * 9_000_000, ["a"]])
def test_a_picture_that_is_no_base64_or_too_long_is_refused(text: object) -> None:
    with pytest.raises(BadImageError):
        clean_image("image/png", text)


@given(st.binary(max_size=400))
def test_no_bytes_after_a_magic_number_break_the_parsers(tail: bytes) -> None:
    for head, cleaner in ((b"\x89PNG\r\n\x1a\n", clean_png), (b"\xff\xd8\xff", clean_jpeg)):
        try:
            cleaner(head + tail)
        except (BadImageError, struct.error):
            continue


@pytest.mark.parametrize(
    "attack",
    [
        "<script>fetch('//evil.test')</script>",
        "<img src=x onerror=alert(1)>",
        "<img src='https://evil.test/a.png'>",
        "<a href='https://evil.test'>x</a>",
        "<form action='https://evil.test'><input name=a></form>",
        "<meta http-equiv=refresh content='0;url=https://evil.test'>",
        "<iframe srcdoc='<script>1</script>'></iframe>",
        "<style>@import url(https://evil.test)</style>",
        "<div style='background:url(https://evil.test)'>x</div>",
        "<svg onload=alert(1)><use href='https://evil.test'/></svg>",
        "<base href='https://evil.test'>",
        "<link rel=stylesheet href='https://evil.test'>",
        "<div class='jp-Dialog'>x</div>",
        "<button formaction='https://evil.test'>x</button>",
        "<table background='https://evil.test'><tr><td>x</td></tr></table>",
        "<math><mtext></mtext><script>1</script></math>",
        "$\\href{https://evil.test}{x}$",
    ],
)
def test_html_that_runs_fetches_or_links_loses_what_does(attack: str) -> None:
    cleaned = clean_html(f"<p>before</p>{attack}<p>after</p>")
    assert "before" in cleaned
    assert "after" in cleaned
    for sign in (
        "<script",
        "onerror",
        "onload",
        "href=",
        "src=",
        "action",
        "style",
        "url(",
        "jp-",
        "<meta",
        "<a",
        "\\href",
    ):
        assert sign not in cleaned


def test_a_table_as_pandas_writes_it_survives() -> None:
    head = '<thead><tr><th scope="row">n</th></tr></thead>'
    table = f'<table class="dataframe">{head}<tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    assert clean_html(table) == table


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](https://evil.test/a)",
        "[x](<https://evil.test>)",
        "[x]: https://evil.test",
        "[x](//evil.test)",
        "[x](javascript:alert(1))",
        "<https://evil.test>",
        "https://evil.test",
        "www.evil.test",
        "![x](https://evil.test/a.png)",
        "$\\href{https://evil.test}{x}$",
    ],
)
def test_markdown_neither_runs_nor_links_outside(attack: str) -> None:
    cleaned = clean_markdown(f"text {attack} text")
    for sign in ("<script", "<img", "https://", "(//", "javascript:", "www.evil", "\\href"):
        assert sign not in cleaned


def test_plain_markdown_and_tex_stay_as_they_are() -> None:
    text = "# Title\n\n*a* < b, `x: int`, $\\frac{1}{2}$ and [above](#title)"
    assert clean_markdown(text) == text
    assert plain_tex("\\sum_{i} x_i") == "\\sum_{i} x_i"


def test_a_rich_form_that_is_too_long_is_not_cut_in_half() -> None:
    assert clean_bundle({"text/html": "<b>" * MAX_RICH})["text/html"] == NOT_SHOWN


def test_only_the_size_of_a_picture_stays_of_the_display_metadata() -> None:
    given_metadata = {"image/png": {"width": 10, "height": 2.5, "note": "x"}, "text/html": {"a": 1}, "hidden": "y"}
    assert clean_sizes(given_metadata) == {"image/png": {"width": 10}}


@given(
    st.dictionaries(st.sampled_from(["text/plain", "text/html", "text/markdown", "image/png"]), st.text(), max_size=4)
)
def test_any_bundle_comes_out_as_text_of_listed_kinds(bundle: dict[str, str]) -> None:
    assert all(isinstance(value, str) for value in clean_bundle(bundle).values())
    json.dumps(clean_bundle(bundle))
