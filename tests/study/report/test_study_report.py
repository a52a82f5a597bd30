"""The report: its files, and the page in a real browser."""

import csv
import io
import json
import re
import xml.etree.ElementTree

import pytest
import results_kit
from browser import browser

from od_api import cli
from od_api.core.errors import UserError
from od_api.study.analyses.analyses import analyse
from od_api.study.analyses.results import study_of
from od_api.study.report.report_page import as_html
from od_api.study.report.study_report import as_markdown, shown, write_report

MODEL = '[data-model="faster_resnet101_600_s8"]'
FIGURE = "#figure-accuracy_time_by_extractor"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The folder of a report of the twelve cells, published numbers included."""
    results = results_kit.write(tmp_path_factory.mktemp("results"))
    output = tmp_path_factory.mktemp("report")
    write_report(results, output, published=True)
    return output


def test_command_writes_into_the_results_by_default(tmp_path, capsys):
    results_kit.write(tmp_path, results_kit.results()[:1])
    assert cli.main(["study", "report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "report.md").is_file()
    assert (tmp_path / "tables" / "models.csv").is_file()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UserError, match="od-api study run"):
        write_report(tmp_path)


def test_a_table_is_csv_with_numbers_in_full(report):
    with open(report / "tables" / "frontier.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results_kit.FRONTIER)
    assert float(rows[3]["mAP (%)"]) == 29.0
    assert float(rows[3]["height above the chord"]) == pytest.approx(0.3641)


def test_markdown_shows_every_figure_and_its_tables_are_whole(report):
    text = (report / "report.md").read_text()
    pictures = re.findall(r"!\[.*\]\((figures/.*\.png)\)", text)
    assert len(pictures) == len(list((report / "figures").glob("*.png"))) > 12
    assert all((report / picture).is_file() for picture in pictures)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines and all(line.count(" | ") >= 1 for line in lines)


def test_text_of_results_is_shown_and_not_obeyed(tmp_path):
    """In Markdown, CSV and pictures; the page is the last test's matter."""
    hostile = "<script>alert(1)</script>[a](javascript:b)$\\\\frac$"
    cells = results_kit.results()[:2]
    for cell in cells:
        cell["cell"]["feature_extractor"] = hostile
        cell["per_class"] = {"=HYPERLINK(1)": 0.5}
        cell["peak_memory_kind"] = "@SUM(A1)"
    output = write_report(results_kit.write(tmp_path, cells)).parent
    text = (output / "report.md").read_text()
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert not re.search(r"[^\\]\]\(javascript", text)
    for table in (output / "tables").glob("*.csv"):
        for row in csv.reader(io.StringIO(table.read_text())):
            assert not [c for c in row if c[:1] in ("=", "@")], table
    assert "'=HYPERLINK(1)" in (output / "tables" / "classes.csv").read_text()


def test_pictures_are_what_they_say(report):
    for file in (report / "figures").glob("*.png"):
        assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 5000
        xml.etree.ElementTree.parse(file.with_suffix(".svg"))
    text = (report / "figures" / "accuracy_time_by_extractor.svg").read_text()
    assert "median time of one image (ms)" in text and "mAP (%)" in text


def test_page_is_one_file_without_network(report):
    page = (report / "report.html").read_text()
    addresses = set(re.findall(r"https?://[^\"'\s<)]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name space
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=\"(?!data:)", page)


def test_what_is_published_is_marked(report):
    """Nothing published has a time, everything measured has."""
    text = (report / "tables" / "critical_points.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3 + 5
    for row in rows:
        assert (row["source"] == "measured") == (row["time (ms)"] != "")


def test_nothing_published_comes_in_unasked():
    study = study_of(results_kit.results())
    text = as_markdown(study, analyse(study), published=False)
    assert "published" not in text and "35.7" not in text
    text = as_markdown(study, analyse(study, published=True), published=True)
    assert "35.7" in text


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (None, 2, "-"),
        ("SSD", None, "SSD"),
        (600, 0, "600"),
        (3_191_072, 0, "3,191,072"),
        (29.0, 2, "29.00"),
        (-0.0000001, 3, "0.000"),
    ],
)
def test_numbers_as_people_read_them(value, places, text):
    assert shown(value, places) == text


def test_page_in_a_browser(report, tmp_path):
    """One browser for all of it: starting one takes seconds."""
    with browser() as page:
        page.prefer("light")
        page.open(report / "report.html")
        _frontier_is_drawn(page)
        _hovering_shows_the_config(page)
        _filtering_hides_points_and_rows(page)
        _a_click_on_a_column_sorts(page)
        _nothing_is_cut_off(page)
        _both_themes(page, report)
        _one_cell_has_a_page(page, tmp_path)
        assert page.console() == []


def _count(page, selector):
    return page.js(f"document.querySelectorAll('{selector}').length")


def _corners_of_frontier(page):
    points = page.js(
        f"document.querySelector('{FIGURE} .frontier').getAttribute('points')"
    )
    return len(points.split())


def _frontier_is_drawn(page):
    assert _count(page, f"{FIGURE} .point") == 14
    assert _corners_of_frontier(page) == len(results_kit.FRONTIER) == 8


def _hovering_shows_the_config(page):
    assert page.js("document.getElementById('tooltip').hidden")
    page.hover(f"{FIGURE} {MODEL}")
    text = page.js("document.getElementById('tooltip').innerText")
    assert not page.js("document.getElementById('tooltip').hidden")
    for part in ("stride 8", "ResNet-101", "faster_resnet101_600_s8", "250", "35"):
        assert part in text
    page.hover("h1")
    assert page.js("document.getElementById('tooltip').hidden")


def _filtering_hides_points_and_rows(page):
    """Without Faster R-CNN: 7 points; SSD 19, 24, R-FCN @10 27, 28, 31 are best."""
    rows = _count(page, "#table-models tbody tr")
    fits = _count(page, "#figure-localisation .line")
    page.click("[data-value='Faster R-CNN']")
    assert _count(page, f"{FIGURE} .point") == 7
    assert _corners_of_frontier(page) == 5
    # Five cells, and two rows of other numbers of proposals.
    assert _count(page, "#table-models tbody tr") == rows - 7
    assert fits == 2 and _count(page, "#figure-localisation .line") == 0
    page.click("[data-axis='resolution'][data-value='300']")
    assert _count(page, f"{FIGURE} .point") == 3
    published = "#table-object_size tr.published"
    assert _count(page, published) == 6
    page.click("[data-axis='source']")
    assert _count(page, published) == 0
    for selector in ("[data-value='Faster R-CNN']", "[data-axis='source']"):
        page.click(selector)
    page.click("[data-axis='resolution'][data-value='300']")
    assert _count(page, f"{FIGURE} .point") == 14


def _column(page, place):
    cells = f"document.querySelectorAll('#table-models td:nth-child({place})')"
    return page.js(f"[...{cells}].map(cell => cell.textContent)")


def _a_click_on_a_column_sorts(page):
    """The column of mAP, up and down; the failed cell, without one, stays last."""
    button = "#table-models th:nth-child(9) button"
    page.click(button)
    up = _column(page, 9)
    assert up[-1] == "-" and up[:-1] == sorted(up[:-1], key=float) and up[0] == "19"
    page.click(button)
    assert _column(page, 9) == [*reversed(up[:-1]), "-"]
    sort = page.js("document.querySelector('#table-models th:nth-child(9)').ariaSort")
    assert sort == "descending"


def _nothing_is_cut_off(page):
    """No text of a figure leaves the page, and no axis labels overlap."""
    width = page.js("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0
    overlaps = page.js(
        """[...document.querySelectorAll("figure svg")].flatMap(svg => {
          const boxes = [...svg.querySelectorAll("text")].map(
            text => text.getBoundingClientRect());
          const meet = (a, b) => a.left < b.right && b.left < a.right
            && a.top + 3 < b.bottom && b.top + 3 < a.bottom;
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => meet(a, b)))
            .map(() => svg.getAttribute("aria-label"));
        })"""
    )
    assert overlaps == []


def _brightness(page, name):
    """Of a colour of the page's body, 0..255."""
    colour = page.js(f"getComputedStyle(document.body).{name}")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def _both_themes(page, report):
    """The reader's preference counts, and the button changes it."""
    for scheme, other in (("dark", "Light"), ("light", "Dark")):
        page.prefer(scheme)
        page.open(report / "report.html")
        is_dark = _brightness(page, "backgroundColor") < 60
        assert is_dark == (scheme == "dark")
        assert (
            abs(_brightness(page, "backgroundColor") - _brightness(page, "color")) > 150
        )
        assert page.js("document.getElementById('theme').textContent") == other
    page.click("#theme")
    assert _brightness(page, "backgroundColor") < 60


def _one_cell_has_a_page(page, folder):
    """One point in the middle, on axes that have numbers."""
    study = study_of(results_kit.results()[:1])
    file = folder / "one.html"
    file.write_text(as_html(study, analyse(study), []), "utf-8")
    page.open(file)
    assert _count(page, f"{FIGURE} .point") == 1
    assert _count(page, f"{FIGURE} text") > 4
    assert not page.js("document.body.innerText.includes('NaN')")
    transform = page.js(f"document.querySelector('{FIGURE} .point').outerHTML")
    assert "NaN" not in transform and "Infinity" not in transform


def test_text_of_results_cannot_end_the_script(report):
    """The error message of a failed cell is `... </script>`."""
    page = (report / "report.html").read_text()
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    tables = [t for a in json.loads(data)["analyses"] for t in a["tables"]]
    failures = next(t for t in tables if t["key"] == "failures")
    assert failures["rows"][0][2] == "the loss is not finite </script>"
