"""One row a part, and docs/techniques.md."""

import pathlib

import pytest

from od_api.core.registry import registered
from od_api.techniques.row_formats import as_markdown
from od_api.techniques.technique_rows import SYSTEMS, TECHNIQUES, technique_rows

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "techniques.md"


@pytest.fixture(scope="module")
def rows():
    return technique_rows()


def test_every_part_has_a_row(rows):
    parts = [row for row in rows if row.family not in (SYSTEMS, TECHNIQUES)]
    assert len(parts) == len(registered())
    assert [row for row in parts if not row.what] == []


def test_a_part(rows):
    (row,) = [row for row in rows if row.name == "balanced_l1"]
    assert row.family == "losses"
    assert row.message == "losses.proto BalancedL1Loss"
    assert row.fields == ["LocalizationLoss.balanced_l1"]
    assert row.text == "localization_loss { balanced_l1 {} }"
    assert row.configs[0].startswith("configs/techniques/")
    assert row.source.startswith("Pang et al., Libra R-CNN, CVPR 2019")
    assert row.proves == "Balanced L1."


def test_ignored_fields(rows):
    (row,) = [row for row in rows if row.name == "balanced_sampler"]
    assert row.ignored == {}
    (row,) = [row for row in rows if row.name == "batch_non_max_suppression"]
    assert all(isinstance(reason, str) for reason in row.ignored.values())
    assert any(row.ignored for row in rows)


def test_techniques(rows):
    found = {row.name: row for row in rows if row.family == TECHNIQUES}
    row = found["ssd_mobilenet_v1_balanced_l1"]
    assert row.kinds == ("losses",) and row.proves == "Balanced L1."
    assert row.source == "Pang et al., CVPR 2019"
    assert found["faster_rcnn_resnet101_chips"].kinds == (
        "data",
        "evaluation",
        "suppressions",
    )


def test_systems(rows):
    found = {row.name: row.configs for row in rows if row.family == SYSTEMS}
    assert found["T15"] == ["configs/techniques/ssd_resnet50_fpn_fcos.config"]
    assert {"T45", "T70", "T72", "T73"} <= set(found)


def test_the_page_is_what_the_command_makes(rows):
    """`make techniques-page` makes it anew."""
    assert PAGE.read_text("utf-8") == as_markdown(rows) + "\n"
