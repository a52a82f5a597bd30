"""The report of a study: a page, Markdown, CSV tables, pictures."""

import csv
import io
import os
import pathlib

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.study.analyses.analyses import analyse
from od_api.study.analyses.analysis import decimals
from od_api.study.analyses.results import load_study
from od_api.study.grid.published_results import SOURCE
from od_api.study.report import figures, report_page
from od_api.study.report.earlier_report import is_report, load_report
from od_api.study.report.safe_text import csv_cell, markdown

PAGE, MARKDOWN = "report.html", "report.md"


def write_report(results, output=None, *, published=False, ensemble=None):
    """Reads a results folder, or the tables of an earlier report; writes a report.

    Args:
      results: what `od-api study run` wrote, or the folder of a report.
      output: where report.html, report.md, tables/ and figures/ go; None: `results`.
      published: lay the study's printed numbers beside the measured ones.
      ensemble: EnsembleOptions, or None for no ensembles.

    Returns:
      Path of the page.

    Raises:
      UserError: no results, files that are not what they should be, or a report that
        would be written over itself.
    """
    if is_report(results):
        if output is None:
            raise UserError(
                f"{printable(results)} is a report itself: say where the one that is "
                "made of its tables goes"
            )
        study = load_report(results)
    else:
        study = load_study(results)
    analyses = analyse(study, published=published, ensemble=ensemble)
    output = pathlib.Path(output or results)
    order = figures.orders(analyses)
    for analysis in analyses:
        for table in analysis.tables:
            _write(output / "tables" / f"{table.key}.csv", as_csv(table))
        for figure in analysis.figures:
            figures.save(figure, output / "figures", order)
    _write(output / MARKDOWN, as_markdown(study, analyses, published))
    _write(output / "index.html", _FORWARD)
    page = output / PAGE
    _write(page, report_page.as_html(study, analyses, summary(study, published)))
    return page


# So that a web server shows the page for the folder.
_FORWARD = f"""<!doctype html>
<meta charset="utf-8">
<title>Speed and accuracy of detectors</title>
<meta http-equiv="refresh" content="0; url={PAGE}">
<a href="{PAGE}">{PAGE}</a>
"""


def summary(study, published):
    """What the report is about, in sentences."""
    models = [m for m in study.models if "@" not in m.name]
    lines = [
        f"{len(models)} cells, of which {len(study.errors)} failed, and "
        f"{len(study.models) - len(models)} more rows of other numbers of proposals."
    ]
    if published:
        lines.append(
            f"Numbers marked as published are those that {SOURCE}, printed, measured "
            "on COCO with the study's machine; all others were measured here. The two "
            "are not comparable unless data and training are the same; their orders "
            "may be."
        )
    else:
        lines.append("All numbers were measured here.")
    return lines


def as_csv(table):
    """The table in CSV, numbers in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, table.columns))
    writer.writerows(map(csv_cell, row) for row in table.rows)
    return text.getvalue()


def as_markdown(study, analyses, published):
    """The report in Markdown, with the pictures beside it."""
    lines = ["# Speed and accuracy of detectors", ""]
    for sentence in summary(study, published):
        lines += [sentence, ""]
    for analysis in analyses:
        lines += [f"## {markdown(analysis.title)}", "", markdown(analysis.text), ""]
        lines += [f"- {markdown(finding)}" for finding in analysis.findings]
        lines += [""] * bool(analysis.findings)
        for figure in analysis.figures:
            lines += [f"![{markdown(figure.title)}](figures/{figure.key}.png)", ""]
        for table in analysis.tables:
            title = markdown(table.title)
            lines += [f"### {title}", "", *_markdown_table(table), ""]
    return "\n".join(lines)


def _markdown_table(table):
    places = decimals(table)
    yield _markdown_row(table.columns)
    yield f"| {' | '.join('---' if n is None else '---:' for n in places)} |"
    for row in table.rows:
        yield _markdown_row(map(shown, row, places))


def _markdown_row(cells):
    return f"| {' | '.join(map(markdown, cells))} |"


def shown(value, places):
    """A value as people read it, with so many decimals."""
    if value is None:
        return "-"
    if places is None or isinstance(value, str):
        return str(value)
    # Resolutions and the like have no thousands to part. Adding 0 turns -0 into 0.
    comma = "," if abs(value) >= 10_000 else ""
    return f"{round(value, places) + 0.0:{comma}.{places}f}"


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
