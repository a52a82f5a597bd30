"""A report's tables are enough to make the report again: docs' examples are made so."""

import pathlib
import re

import pytest
import results_kit

from od_api import cli
from od_api.core.errors import UserError
from od_api.study.analyses.analyses import analyse
from od_api.study.analyses.results import study_of
from od_api.study.measure.ensemble import EnsembleOptions
from od_api.study.report.earlier_report import is_report, load_report
from od_api.study.report.report_page import as_html
from od_api.study.report.study_report import as_csv, as_markdown, summary

ROOT = pathlib.Path(__file__).parents[3]
EXAMPLES = {"small_study": False, "full_size_study": True}


def report_of(study, published):
    """{file name: text} of the report without its pictures."""
    analyses = analyse(study, published=published, ensemble=EnsembleOptions())
    texts = {f"{t.key}.csv": as_csv(t) for a in analyses for t in a.tables}
    texts["report.md"] = as_markdown(study, analyses, published)
    texts["report.html"] = as_html(study, analyses, summary(study, published))
    return texts


def write_tables(study, folder):
    """Writes what a report of the study has in its folder of tables."""
    (folder / "tables").mkdir(parents=True)
    for name, text in report_of(study, False).items():
        if name.endswith(".csv"):
            (folder / "tables" / name).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("published", [False, True])
def test_the_report_of_a_report_is_the_same(tmp_path, published):
    study = study_of(results_kit.results())
    folder = write_tables(study, tmp_path)
    assert report_of(load_report(folder), published) == report_of(study, published)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_in_docs_are_what_their_tables_say(name):
    """All but how the ensemble's members were chosen, which no table says."""
    folder, published = ROOT / "docs" / name, EXAMPLES[name]
    made = report_of(load_report(folder), published)
    page, text = made.pop("report.html"), made.pop("report.md")
    kept = {f.name: f.read_text("utf-8") for f in (folder / "tables").glob("*.csv")}
    assert made == kept
    choice = re.compile(r"(?<=## Ensembles\n\n).*")
    assert choice.sub("", text) == choice.sub("", (folder / "report.md").read_text())
    assert '"key": "models"' in page and ('"key": "ensemble"' in page) != published


@pytest.mark.parametrize("name", EXAMPLES)
def test_make_writes_the_pages_of_the_examples(name):
    """Each by a command of `example-reports`, with the published numbers or without."""
    commands = re.findall(r"od-api (study report .*)", (ROOT / "Makefile").read_text())
    (mine,) = (c.split() for c in commands if c.split()[2] == f"docs/{name}")
    args = cli._parser().parse_args(mine)
    assert args.output == f"example_reports/{name}"
    assert args.published == EXAMPLES[name]
    assert not (ROOT / "docs" / name / "report.html").exists()


def test_results_come_before_the_report_in_their_folder(tmp_path):
    folder = write_tables(study_of(results_kit.results()), tmp_path)
    assert is_report(folder)
    results_kit.write(folder)
    assert not is_report(folder)


def test_a_report_is_not_written_over_itself(tmp_path, capsys):
    folder = write_tables(study_of(results_kit.results()), tmp_path)
    before = sorted(folder.rglob("*"))
    assert cli.main(["study", "report", str(folder)]) == 2
    assert "is a report itself" in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("table", "old", "new", "reason"),
    [
        ("models", "MobileNet,300", "MobileNet,many", "many"),
        ("models", "MobileNet,300", "MobileNet,nan", "nan"),
        ("models", "resolution", "width", "resolution"),
        ("models", "MobileNet,600", "MobileNet,300", "two models of one label"),
        ("latency", "SSD, MobileNet, 600", "SSD, MobileNet, 601", "601"),
        ("throughput", "batch 8", "batch few", "few"),
        ("machines", "a processor", "a processor,b", "longer"),
    ],
)
def test_a_table_that_is_another_is_named_with_its_line(
    tmp_path, table, old, new, reason
):
    folder = write_tables(study_of(results_kit.results()), tmp_path)
    file = folder / "tables" / f"{table}.csv"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=rf"{table}\.csv:\d+: .*{reason}"):
        load_report(folder)
