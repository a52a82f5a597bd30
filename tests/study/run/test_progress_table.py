"""What a run shows: lines without a terminal, a table with one, the time left."""

import io
import pathlib

import pytest
from rich.console import Console

from od_api.study.run.progress_table import ProgressTable
from od_api.study.run.run_settings import RunSettings
from od_api.study.run.runner import Event
from od_api.study.run.stages import load_study

GRID = pathlib.Path(__file__).parents[3] / "configs" / "study" / "huang_2017.grid"
ONE, TWO = (f"rfcn_mobilenet_v1_300_stride16_proposals{n}" for n in (10, 300))
SSD = "ssd_vgg16_300"
STAGES = ("train", "export", "evaluate", "time", "count")


@pytest.fixture(scope="module")
def study():
    return load_study(RunSettings(str(GRID), "results"))


def table(study, names, terminal=False):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120, color_system=None)
    return ProgressTable(study, names, console), text


def test_lines_without_a_terminal(study):
    """The stages of the second cell are as long as those of the first."""
    shown, text = table(study, [ONE, SSD])
    with shown:
        shown.tell(Event(ONE, "train", "running"))
        for stage in STAGES:
            shown.tell(Event(ONE, stage, "done", 60.0))
        shown.tell(Event(SSD, "train", "failed", message="out of memory"))
    lines = text.getvalue().splitlines()
    assert lines[0] == f"[1/2] {ONE}: train 1 min 00 s; more than 1 min 00 s left"
    assert lines[4] == f"[1/2] {ONE}: count 1 min 00 s; about 5 min 00 s left"
    assert lines[5] == f"[2/2] {SSD}: train FAILED: out of memory"
    assert shown.summary().startswith("1 of 2 cells done, 1 failed")


def test_time_left_counts_a_shared_training_once(study):
    """TWO shares the training of ONE, which is done; `proposals` is not known yet."""
    shown, _ = table(study, [ONE, TWO])
    assert shown.seconds_left() == (0.0, False)
    for stage in STAGES:
        shown.tell(Event(ONE, stage, "cached", 100.0))
    assert shown.seconds_left() == (500.0, False)
    shown.tell(Event(TWO, "proposals", "cached", 7.0))
    shown.tell(Event(TWO, "train", "cached", 100.0))
    assert shown.seconds_left() == (400.0, True)


def test_models_that_are_not_trained_yet_count_once_together(study):
    names = [SSD, ONE, TWO]
    shown, _ = table(study, names)
    for stage in (*STAGES, "proposals"):
        shown.tell(Event(SSD, stage, "done", 10.0))
    # ONE: 5 stages; TWO: proposals, too, and no training of its own.
    assert shown.seconds_left() == (50.0 + 50.0, True)


def test_table_of_a_terminal(study):
    names = list(study)
    shown, text = table(study, names, terminal=True)
    with shown:
        shown.tell(Event(names[0], "train", "failed", message="x"))
        shown.tell(Event(names[40], "train", "cached", 3.0))
        shown.tell(Event(names[40], "export", "running"))
        Console(file=text, width=120).print(shown.render())
    page = text.getvalue()
    assert names[0] in page and names[40] in page
    assert "cached" in page and "failed" in page
    # A window of the grid, not all of it.
    assert names[100] not in page
