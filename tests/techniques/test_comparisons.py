"""What was measured, as text."""

import pytest

from od_api.techniques import comparisons
from od_api.techniques.digests import digest, technique_configs

NAME = "ssd_mobilenet_v1_weighted_giou"
PATH = technique_configs()[NAME]
ROW = {
    "base": "plain",
    "base_mAP": {"mean": 0.2, "least": 0.19, "most": 0.21},
    "mAP": {"mean": 0.25, "least": 0.2, "most": 0.3},
    "base_parameters": 1000,
    "parameters": 3500,
    "base_latency_ms": 4.0,
    "latency_ms": 5.0,
}


@pytest.fixture
def record(monkeypatch):
    def use(row):
        monkeypatch.setattr(comparisons, "_record", lambda: {NAME: row})
        return comparisons.comparison(NAME, PATH)

    return use


def test_numbers(record):
    found = record(ROW | {"digest": digest(PATH)})
    assert found == (
        "plain",
        "0.200 (0.190 to 0.210)",
        "0.250 (0.200 to 0.300)",
        "+2,500",
        "+1.0 ms (+25 %)",
    )


def test_masks(record):
    masks = {"mean": 0.1, "least": 0.1, "most": 0.1}
    found = record(ROW | {"digest": digest(PATH), "mask_mAP": masks})
    assert found.map == "0.250 (0.200 to 0.300), masks 0.100"


def test_another_digest_is_stale(record):
    found = record(ROW | {"digest": "another"})
    assert found == ("plain", "stale", "stale", "stale", "stale")


def test_without_a_record_there_is_nothing(monkeypatch):
    monkeypatch.setattr(comparisons, "_record", dict)
    assert comparisons.comparison(NAME, PATH) is None


def test_first_lines_of_tests():
    assert comparisons.proof_of("techniques/comparisons.py") == (
        "What was measured, as text."
    )
    assert comparisons.proof_of("losses/none.py") == ""
