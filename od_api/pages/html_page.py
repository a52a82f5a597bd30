"""The skeleton of a page: one file, light and dark as its reader's system is."""

import html
import pathlib

from od_api.pages.colours import COLOURS, DARK_COLOURS

_ASSETS = pathlib.Path(__file__).parent / "assets"


def as_page(title, body, *, style="", script=""):
    """A page as text.

    Args:
      title: plain text.
      body: HTML.
      style: more of CSS; `--hue-0` and so on are the colours of series.
      script: more of JavaScript.
    """
    parts = {
        "TITLE": html.escape(title),
        "STYLE": "\n".join((_colours(), _asset("page.css"), style)),
        "SCRIPT": "\n".join((_asset("theme.js"), script)),
        # Last: whatever is in it stays as it is.
        "BODY": body,
    }
    page = _asset("skeleton.html")
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text)
    return page


def _asset(name):
    return (_ASSETS / name).read_text("utf-8")


def _colours():
    pairs = enumerate(zip(COLOURS, DARK_COLOURS, strict=True))
    lines = [f"  --hue-{i}: light-dark({light}, {dark});" for i, (light, dark) in pairs]
    return "\n".join((":root {", *lines, "}"))
