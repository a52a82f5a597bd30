"""What is wrong with a data set, as a page with pictures of where it is."""

import base64
import collections
import html
import io

from PIL import Image

from od_api.core.errors import UserError
from od_api.data.findings import SEVERITIES
from od_api.pages.html_page import as_page
from od_api.viewing.viewed_pictures import pixels

# Pictures of a kind of finding, and the longer side of each in pixels.
_SHOWN, _SIDE = 12, 360
_STYLE = """
.error { --mark: light-dark(#c0392b, #ff7a66); }
.warning { --mark: light-dark(#a86b00, #f0b43c); }
.note { --mark: light-dark(#5a636e, #a2abb6); }
h3 span { color: var(--mark); }
.cards { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
.cards figure { background: var(--panel); border-radius: 8px; margin: 0; overflow: hidden; }
.cards figcaption { font-size: 13px; font-weight: normal; overflow-wrap: anywhere; padding: 6px 10px; }
.picture { position: relative; }
.picture img { display: block; width: 100%; }
.picture svg { inset: 0; position: absolute; }
rect { fill: none; stroke: #12b34a; stroke-width: 2; vector-effect: non-scaling-stroke; }
rect.found { stroke: #ff5a36; stroke-dasharray: 6 3; }
"""  # noqa: E501


def findings_page(title, reports, pictures):
    """The page as text.

    Args:
      title: of the page.
      reports: {place: Report}.
      pictures: {(file, record): ViewedPicture}, of which those are shown that
        something is said of.
    """
    body = [f"<p>{_totals(reports)}</p>"]
    for place, report in reports.items():
        body.append(f"<h2>{html.escape(place)}</h2>")
        if report.records:
            body.append(
                f"<p>{report.records} records, {report.boxes} boxes of "
                f"{len(report.per_class)} classes</p>"
            )
        by_kind = collections.defaultdict(list)
        for finding in report.findings:
            by_kind[finding.severity, finding.kind].append(finding)
        for severity, kind in sorted(by_kind, key=lambda k: SEVERITIES.index(k[0])):
            body += _kind(severity, kind, by_kind[severity, kind], pictures)
        if not report.findings:
            body.append("<p>Nothing was found.</p>")
    return as_page(title, "\n".join(body), style=_STYLE)


def _totals(reports):
    found = [f for report in reports.values() for f in report.findings]
    counts = collections.Counter(f.severity for f in found)
    return ", ".join(f"{counts[s]} {s}s" for s in SEVERITIES)


def _kind(severity, kind, findings, pictures):
    """The lines of one kind of finding, with pictures where there are any."""
    count = f" ({len(findings)})" if len(findings) > 1 else ""
    head = f"<span>{severity}</span> {html.escape(kind)}{count}"
    yield f'<h3 class="{severity}">{head}</h3>'
    cards = [
        (finding, picture)
        for finding in findings
        if (picture := pictures.get((str(finding.file), finding.record)))
    ]
    if cards:
        shown = [_card(finding, picture) for finding, picture in cards[:_SHOWN]]
        yield f'<div class="cards">{"".join(shown)}</div>'
    rest = [f for f in findings if (str(f.file), f.record) not in pictures][:_SHOWN]
    yield "".join(f"<p>{html.escape(str(finding))}</p>" for finding in rest)
    left = len(findings) - len(cards[:_SHOWN]) - len(rest)
    if left:
        yield f"<p>and {left} more: od-api data check --format json has all</p>"


def _card(finding, picture):
    height, width = picture.size
    rects = "".join(
        f'<rect class="{box["of"]}" x="{left}" y="{top}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}"/>'
        for box in picture.boxes
        for top, left, bottom, right in [box["box"]]
    )
    return (
        f'<figure><div class="picture">{_image(picture)}'
        f'<svg viewBox="0 0 {width} {height}">{rects}</svg></div>'
        f"<figcaption>{html.escape(picture.name)}: {html.escape(finding.detail)}"
        "</figcaption></figure>"
    )


def _image(picture):
    try:
        image = Image.fromarray(pixels(picture))
    except UserError as error:
        return f"<p>{html.escape(str(error))}</p>"
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<img alt="{html.escape(picture.name)}" src="data:image/jpeg;base64,{data}">'
    )
