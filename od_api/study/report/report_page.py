"""The interactive page: one file that needs no network."""

import html
import json
import pathlib

from od_api.pages.html_page import as_page
from od_api.study.analyses.analysis import decimals
from od_api.study.report import figures

_PARTS = pathlib.Path(__file__).parent / "page"
_NOSCRIPT = "This page needs JavaScript; report.md does not."
_SCRIPTS = ("state.js", "plot.js", "bars.js", "table.js", "page.js")
# What the page's filters are about, where a study has more than one value of it.
AXES = {
    "meta-architecture": "meta_architecture",
    "extractor": "extractor",
    "resolution": "resolution",
    "stride": "stride",
    "training batch": "batch_size",
    "precision": "precision",
    "proposals": "proposals",
    "engine": "engine",
    "inference precision": "inference_precision",
    "machine": "machine",
}


def as_html(study, analyses, summary):
    """The page as text: styles, scripts and data are all in it."""
    data = {
        "axes": list(AXES),
        "models": {m.name: _axes_of(m) for m in study.models},
        "order": figures.orders(analyses),
        "analyses": [_as_dict(a) for a in analyses],
        "summary": summary,
    }
    body = _part("body.html")
    for name, text in (
        ("NOSCRIPT", html.escape(_NOSCRIPT)),
        ("DATA", _as_script(data)),
    ):
        body = body.replace(f"<!--{name}-->", text)
    return as_page(
        "Speed and accuracy of detectors",
        body,
        style=_part("study.css"),
        script="\n".join(map(_part, _SCRIPTS)),
    )


def _part(name):
    return (_PARTS / name).read_text("utf-8")


def _axes_of(model):
    values = {axis: getattr(model, field) for axis, field in AXES.items()}
    return {"label": model.label, **values}


def _as_dict(analysis):
    return {
        **analysis._asdict(),
        "tables": [{**t._asdict(), "places": decimals(t)} for t in analysis.tables],
        "figures": [_figure(f) for f in analysis.figures],
    }


def _figure(figure):
    parts = {
        name: [p._asdict() for p in getattr(figure, name)]
        for name in ("points", "lines", "bars")
    }
    return {**figure._asdict(), **parts}


def _as_script(data):
    """JSON that can stand in a script element: no text in it ends the element."""
    return json.dumps(data, allow_nan=False).replace("<", "\\u003c")
