"""The analyses of the twelve cells, by hand, and of less than that."""

import itertools

import pytest
import results_kit

from od_api.study.analyses.analyses import analyse
from od_api.study.analyses.results import study_of
from od_api.study.grid import published_results
from od_api.study.grid.published import EXTRACTORS
from od_api.study.report.study_report import as_csv, as_markdown

CELLS = results_kit.results()
STUDY = study_of(CELLS)


@pytest.fixture(scope="module")
def analyses():
    return {a.key: a for a in analyse(STUDY, published=True)}


def _rows(analysis, key):
    table = next(t for t in analysis.tables if t.key == key)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_every_analysis_is_there(analyses):
    wanted = "accuracy_time critical_points imagenet object_size image_size stride "
    wanted += (
        "proposals flops memory latency localisation trends models classes machines"
    )
    assert list(analyses) == wanted.split()


def test_every_analysis_has_a_table_and_keys_are_different(analyses):
    assert all(a.tables for a in analyses.values())
    tables = [t.key for a in analyses.values() for t in a.tables]
    figures = [f.key for a in analyses.values() for f in a.figures]
    assert len(set(tables)) == len(tables) and len(set(figures)) == len(figures)
    for table in (t for a in analyses.values() for t in a.tables):
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert len(table.models) in (0, len(table.rows))


def test_axes_have_a_figure_and_a_summary(analyses):
    """SSD: mAP 19, 24, 22, 27 at 20, 45, 50, 110 ms: medians 23 and 47.5."""
    analysis = analyses["accuracy_time"]
    assert [f.hue for f in analysis.figures] == [
        "meta-architecture",
        "extractor",
        "resolution",
        "proposals",
    ]
    row = next(
        r for r in _rows(analysis, "accuracy_time_by_axis") if r["value"] == "SSD"
    )
    assert list(row.values())[2:] == [4, 23.0, 27.0, 47.5, 20.0]


def test_published_critical_points_lie_beside_the_same_models(analyses):
    """SSD MobileNet low is 19; R-FCN ResNet-101 of any resolution 31 at best."""
    rows = _rows(analyses["critical_points"], "critical_points")
    printed = [r for r in rows if r["source"] == "published"]
    same = "mAP of the same model measured here (%)"
    assert [r[same] for r in printed] == [19.0, None, 29.0, 31.0, None]
    assert [r["mAP (%)"] for r in printed] == [19.3, 22.0, 32.0, 30.4, 35.7]


def test_slope_of_ssd_against_imagenet(analyses):
    """MobileNet 71.1 -> 19, ResNet-101 76.4 -> 22: 3 / 5.3; Faster R-CNN 10 / 5.3."""
    rows = {r["meta-architecture"]: r for r in _rows(analyses["imagenet"], "imagenet")}
    assert rows["SSD"]["slope"] == pytest.approx(3 / 5.3)
    assert rows["Faster R-CNN"]["slope"] == pytest.approx(10 / 5.3)
    assert rows["R-FCN"]["slope"] is None


def test_half_the_size(analyses):
    """SSD MobileNet: 24 -> 19 is -20.83 %, 45 -> 20 ms is -55.56 %."""
    rows = _rows(analyses["image_size"], "image_size")
    row = next(r for r in rows if r["model"] == "SSD, MobileNet")
    assert row["mAP (relative, %)"] == pytest.approx(100 * (19 - 24) / 24)
    assert row["time (%)"] == pytest.approx(100 * (20 - 45) / 45)
    assert len(rows) == 5


def test_stride(analyses):
    """33 -> 35 at 150 -> 250 ms."""
    (row,) = _rows(analyses["stride"], "stride")
    assert (row["from stride"], row["to stride"]) == (16, 8)
    assert row["mAP (relative, %)"] == pytest.approx(100 * 2 / 33)
    assert row["time (%)"] == pytest.approx(100 * 100 / 150)


def test_proposals(analyses):
    """Faster R-CNN keeps 24 / 30 and 60 / 100 ms, R-FCN 27 / 28 and 76 / 80 ms."""
    rows = _rows(analyses["proposals"], "proposals")
    ten = [r for r in rows if r["proposals"] == 10 and r["source"] == "measured"]
    assert [r["mAP kept (%)"] for r in ten] == pytest.approx([80.0, 100 * 27 / 28])
    assert [r["time kept (%)"] for r in ten] == pytest.approx([60.0, 95.0])


def test_multiply_adds_and_memory(analyses):
    """Memory is 4 MiB a millisecond: a power law of exponent 1."""
    rates = _rows(analyses["flops"], "flops_rate")
    assert {r["extractor"]: r["median 10⁹ multiply-adds/ms"] for r in rates} == (
        pytest.approx({"MobileNet": 0.1, "ResNet-101": 0.2})
    )
    (law,) = _rows(analyses["memory"], "memory_fit")
    assert (law["slope"], law["R²"]) == pytest.approx((1.0, 1.0))
    rows = {r["extractor"]: r for r in _rows(analyses["memory"], "memory_by_extractor")}
    assert list(rows["MobileNet"].values())[1:] == [2, 80.0, 180.0, 280.0]


def test_thresholds(analyses):
    """AP@.75 is 1.1 mAP; of the published systems R² is above .99, as is printed."""
    rows = _rows(analyses["localisation"], "localisation")
    ours = next(
        r for r in rows if (r["source"], r["threshold"]) == ("measured", "AP@.75")
    )
    assert (ours["slope"], ours["R²"]) == pytest.approx((1.1, 1.0))
    theirs = {r["threshold"]: r["R²"] for r in rows if r["source"] != "measured"}
    assert theirs["AP@.75"] > published_results.R_SQUARED_OF_75 > theirs["AP@.50"]


def test_statements_of_the_study(analyses):
    rows = _rows(analyses["trends"], "trends")
    answers = {r["statement of the study"]: r["order agrees"] for r in rows}
    assert answers["SSD is faster on average than Faster R-CNN"] == "yes"
    assert answers["Stride 8 instead of 16 changes time"] == "yes"
    assert answers["SSD's mAP depends less on the extractor than R-FCN's"] is None


def test_a_statement_that_does_not_hold_says_no():
    """The larger image made less accurate, by hand."""
    cells = results_kit.results()
    for cell in cells:
        if cell["cell"]["resolution"] == 600:
            cell["accuracy"]["DetectionBoxes_Precision/mAP"] = 0.1
    trends = analyse(study_of(cells), published=True)
    trends = next(a for a in trends if a.key == "trends")
    rows = _rows(trends, "trends")
    row = next(
        r for r in rows if r["statement of the study"].startswith("Half the side")
    )
    assert row["order agrees"] == "no"


def test_published_tables_are_consistent():
    """Small-object recall of Table 4: .424 / .267 is 58.8 % more, as the study says."""
    ours, msra = published_results.SYSTEMS[:2]
    assert round(100 * (ours.ar_small / msra.ar_small - 1), 1) == 58.8
    assert all(p.extractor in EXTRACTORS for p in published_results.CRITICAL_POINTS)
    assert all(m.extractor in EXTRACTORS for m in published_results.MEMBERS)
    for row in published_results.SYSTEMS:
        assert row.map_small < row.map < row.map_large
        assert row.map_75 < row.map_50


_BLOCKS = ("accuracy", "latency", "throughput", "multiply_adds", "peak_memory_bytes")
_MORE = ("per_class", "parameters", "machine", "saved_model_bytes")


@pytest.mark.parametrize(
    "missing", [*_BLOCKS, *_MORE, *itertools.combinations(_BLOCKS, 4)]
)
@pytest.mark.parametrize("count", [1, 12])
def test_any_block_may_be_missing(missing, count):
    missing = (missing,) if isinstance(missing, str) else missing
    cells = [
        {k: v for k, v in cell.items() if k not in missing} for cell in CELLS[:count]
    ]
    study = study_of(cells)
    for published in (False, True):
        analyses = analyse(study, published=published)
        assert as_markdown(study, analyses, published)
        assert all(as_csv(t) for a in analyses for t in a.tables)


def test_only_failed_cells():
    analyses = analyse(study_of([CELLS[-1]]))
    assert [a.key for a in analyses] == ["models"]


def test_times_with_fewer_proposals_need_no_accuracy():
    """As `--random-weights` measures them; by hand: 60 of 101 ms are 59 %."""
    cell = {k: v for k, v in CELLS[6].items() if k != "accuracy"}
    cell["latency"] = {"median_ms": 101.0}
    cell["by_num_proposals"] = [{"num_proposals": 10, "mAP": None, "median_ms": 60.0}]
    found = {a.key: a for a in analyse(study_of([cell]))}["proposals"].findings
    (line,) = found
    assert "10 instead of 300 proposals keep 59." in line and "of the time" in line
