"""benchmarks/region_proofs.json is of this code, and says what it should."""

import json
import pathlib
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import region_proofs  # noqa: E402

RECORD = json.loads(region_proofs.RECORD.read_text())


def test_the_record_has_every_proof():
    assert sorted(RECORD) == sorted(region_proofs.PROOFS)


@pytest.mark.parametrize("name", region_proofs.PROOFS)
def test_a_proof(name):
    """Learned by this config and these files; else run region_proofs.py NAME anew."""
    found = RECORD[name]
    assert found["learn"]["digest"] == region_proofs.digest(name)
    assert found["learn"]["mAP"] > 0.9
    assert found["learn"]["boxes"] <= 1e-3
    assert found["learn"]["scores"] <= 1e-5
    assert found["apart"]["steps"] >= 3


@pytest.mark.parametrize("name", [n for n in RECORD if "in_step" in RECORD[n]])
def test_two_devices_are_one(name):
    found = RECORD[name]["in_step"]
    assert found["difference"] <= 1e-4 < found["moved"]


@pytest.mark.parametrize("name", ["masks", "deconvolve_masks"])
def test_masks_are_learned_too(name):
    assert RECORD[name]["learn"]["mask_mAP"] > 0.7


def test_a_digest_is_of_config_and_files():
    made = {region_proofs.digest(name) for name in region_proofs.PROOFS}
    assert len(made) == len(region_proofs.PROOFS)
    assert region_proofs.digest("roi_align") == region_proofs.digest("roi_align")
