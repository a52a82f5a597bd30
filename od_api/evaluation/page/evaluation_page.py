"""report.html of an evaluation: one file, which needs no network."""

import html
import os
import pathlib

from od_api.core.printable import printable
from od_api.evaluation.page import evaluation_figures as figures
from od_api.evaluation.page.confusion_table import as_table
from od_api.metrics.diagnosis.diagnosis_numbers import (
    floored,
    of_interval,
    short,
    worst_first,
)
from od_api.pages.html_page import as_page
from od_api.pages.inline_svg import as_svg
from od_api.system.leftovers import workspace

NAME = "report.html"
_STYLE = (pathlib.Path(__file__).parent / "evaluation.css").read_text("utf-8")
_COLUMNS = (
    *("class", "AP", "AP50", "AR", "objects", "detections"),
    *("threshold", "precision", "recall", "F1"),
)


def write(directory, report, diagnosis, pictures):
    """Writes report.html.

    Args:
      directory: where to.
      report: as of `evaluation_report.write`.
      diagnosis: Diagnosis.
      pictures: [WorstPicture].

    Returns:
      Its path.
    """
    path = pathlib.Path(directory) / NAME
    page = as_html(report, diagnosis, pictures)
    with workspace(path) as folder:
        temporary = folder / NAME
        temporary.write_text(page, "utf-8")
        os.replace(temporary, path)
    return path


def as_html(report, diagnosis, pictures):
    """The page as text; arguments as of `write`."""
    found = diagnosis.report
    sections = [
        ("Summary", _summary(report, found)),
        ("Classes", _classes(found, diagnosis.curves)),
        ("What the errors cost", _errors(found["errors"])),
        ("What was taken for what", _confusion(found["confusion"])),
        ("Sizes and scores", _sizes_and_scores(found)),
        ("The worst images", _worst(pictures, found["threshold"])),
    ]
    sections = [(title, text) for title, text in sections if text]
    links = "".join(f'<a href="#{_key(t)}">{t}</a>' for t, _ in sections)
    body = "".join(
        f'<section id="{_key(t)}"><h2>{t}</h2>{text}</section>' for t, text in sections
    )
    body = f'<nav aria-label="Contents">{links}</nav><main>{body}</main>'
    return as_page("Evaluation of a detector", body, style=_STYLE)


def _key(title):
    return title.lower().replace(" ", "-")


def _summary(report, found):
    step = report["step"]
    of_what = "given detections" if step is None else f"the checkpoint of step {step:,}"
    lines = [f"<p>Of {of_what}, on {report['images']:,} images.</p>"]
    rows = []
    for name, label in (("mAP", "mAP, IoU .50 to .95"), ("mAP50", "mAP at IoU .5")):
        interval = (found["intervals"] or {}).get(name)
        if interval:
            rows.append((label, of_interval(interval)))
    best = found["threshold"]
    if best:
        rows += [
            ("threshold of best F1, all classes", floored(best["score"])),
            ("precision, recall, F1 there", _three(best)),
        ]
    if found["calibration"]:
        error = short(found["calibration"]["error"])
        rows.append(("expected calibration error", error))
    cells = "".join(
        f"<dt>{label}</dt><dd>{html.escape(value)}</dd>" for label, value in rows
    )
    lines.append(f'<dl class="numbers">{cells}</dl>')
    if found["intervals"]:
        lines.append(
            "<p>In brackets: the 95 % interval, by the bootstrap over images "
            f"({found['intervals']['samples']:,} samples).</p>"
        )
    return "".join(lines)


def _three(best):
    return ", ".join(short(best[k]) for k in ("precision", "recall", "f1"))


def _classes(found, curves):
    rows = "".join(map(_class_row, worst_first(found["classes"])))
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    table = (
        f'<div class="scroll"><table id="classes"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    figure = ""
    if curves:
        title = "Precision and recall at IoU .5, with AP"
        drawn = figures.precision_recall(curves, found["classes"])
        figure = _figures(_figure(drawn, title))
    note = (
        "<p>Worst first. The threshold is the score of the class's best F1, which "
        "precision and recall belong to.</p>"
    )
    return figure + note + table


def _class_row(row):
    best = row["threshold"] or {}
    values = (
        *(short(row[k]) for k in ("AP", "AP50", "AR")),
        *(f"{row[k]:,}" for k in ("objects", "detections")),
        floored(best.get("score")),
        *(short(best.get(k)) for k in ("precision", "recall", "f1")),
    )
    cells = "".join(f'<td class="number">{value}</td>' for value in values)
    return f"<tr><td>{html.escape(printable(row['name']))}</td>{cells}</tr>"


def _errors(errors):
    if errors is None:
        return ""
    title = "mAP at IoU .5 that each kind of error costs"
    return (
        "<p>What mAP at IoU .5 would gain if all errors of one kind were mended, by "
        "the definitions of TIDE (Bolya et al., ECCV 2020); in brackets, how many "
        f"there are. mAP at IoU .5 is {short(errors['AP50'])} here.</p>"
        f"{_figures(_figure(figures.error_costs(errors), title))}"
        "<dl class='kinds'>"
        "<dt>classification</dt><dd>well placed, another class</dd>"
        "<dt>localisation</dt><dd>right class, IoU .1 to .5</dd>"
        "<dt>both</dt><dd>another class, and not well placed</dd>"
        "<dt>duplicate</dt><dd>of an object that a better detection has found</dd>"
        "<dt>background</dt><dd>nothing is there, IoU .1 or less</dd>"
        "<dt>missed</dt><dd>objects that nothing comes near</dd></dl>"
    )


def _confusion(confusion):
    if confusion is None:
        return ""
    return (
        "<p>At IoU .5, of detections with a score of "
        f"{floored(confusion['threshold'])} or more. Rows are what is there, columns "
        "what was found; the last row has detections of nothing, the last column "
        f"objects that were not found.</p>{as_table(confusion)}"
    )


def _sizes_and_scores(found):
    drawn = _figure(figures.sizes(found["sizes"]), "AP and AR by the size of objects")
    if found["calibration"]:
        error = short(found["calibration"]["error"])
        title = "Share of right detections by score"
        drawn += _figure(figures.reliability(found["calibration"]), title)
        note = (
            f"<p>The expected calibration error is {error}: so far is the share of "
            "right detections from their score, on average. Bars on the dashed line "
            "would be as right as they are sure; above them, how many detections there "
            "are.</p>"
        )
    else:
        note = "<p>Scores are not all within 0..1: no calibration is shown.</p>"
    note = (
        "<p>Small objects have less than 32x32 pixels, large ones 96x96 or more.</p>"
        + note
    )
    return note + f'<div class="figures">{drawn}</div>'


def _worst(pictures, threshold):
    if not pictures:
        return ""
    shown = floored(threshold["score"]) if threshold else "any"
    items = "".join(map(_pair, pictures))
    return (
        "<p>Left what is there, right what was found with a score of "
        f"{shown} or more. <b class='green'>Green</b> is right, <b class='red'>red</b> "
        "wrong, with the reason, and <b class='amber'>amber</b> was not found.</p>"
        f"{items}"
    )


def _pair(picture):
    name = html.escape(printable(picture.name)) or "an image without a name"
    caption = (
        f"{name}: {picture.wrong} of {picture.shown} detections wrong, "
        f"{picture.missed} objects not found"
    )
    images = "".join(
        f'<img src="{data}" alt="{title} of {name}">'
        for data, title in ((picture.truth, "objects"), (picture.found, "detections"))
    )
    return f'<figure class="pair"><figcaption>{caption}</figcaption>{images}</figure>'


def _figures(text):
    return f'<div class="figures">{text}</div>'


def _figure(figure, title):
    return f"<figure><figcaption>{title}</figcaption>{as_svg(figure, title)}</figure>"
