"""The page about the schema is up to date; a part of it can be asked for."""

import pathlib

import pytest

from od_api import cli
from od_api.core.errors import UserError
from od_api.reference.config_reference import config_reference

DOCS = pathlib.Path(__file__).parent.parent.parent / "docs"


def test_the_page_is_what_the_command_prints():
    """`make config-pages` makes it anew."""
    assert (DOCS / "config_reference.md").read_text("utf-8") == config_reference()


def test_a_message_and_a_field(capsys):
    assert cli.main(["config", "reference", "BatchNorm"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("## BatchNorm\n") and said.count("## ") == 1
    assert "| `epsilon` | float | `0.001` |" in said
    assert cli.main(["config", "reference", "batch_size"]) == 0
    said = capsys.readouterr().out
    assert "## TrainConfig" in said and "## EvalConfig" in said
    assert "momentum" not in said


def test_rows_say_what_becomes_of_fields_and_where_the_old_api_differed():
    said = config_reference("freeze_variables")
    assert "used; the old API's TensorFlow 2 trainer ignored it | 15 |" in said
    assert "| **refused**: " in config_reference("graph_rewriter")
    assert "| no effect: tf.data" in config_reference("batch_queue_capacity")
    assert "`columns`**+**" in config_reference("columns")


def test_links_lead_to_sections():
    page = (DOCS / "config_reference.md").read_text("utf-8")
    headings = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    anchors = {heading.lower().replace(".", "") for heading in headings}
    assert len(anchors) == len(headings)
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links and links <= anchors


def test_an_unknown_name():
    with pytest.raises(UserError, match=r"no message or field 'batchsize'; did you me"):
        config_reference("batchsize")
