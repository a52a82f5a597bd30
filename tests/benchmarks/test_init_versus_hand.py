"""What was measured of init's configs is what the page shows, and no worse."""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import init_versus_hand  # noqa: E402

RECORD = json.loads(init_versus_hand.RECORD.read_text())


def test_init_is_within_three_hundredths_of_the_hand():
    scores = {name: one["mAP@.5"] for name, one in RECORD["contenders"].items()}
    hand = scores.pop("hand")
    assert min(scores.values()) > hand - 0.03


def test_the_page_shows_it():
    page = ROOT / "docs" / "your_own_data.md"
    assert init_versus_hand.table(RECORD) in page.read_text("utf-8")
