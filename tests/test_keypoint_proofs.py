"""benchmarks/keypoint_proofs.json is of this code, and says what it should."""

import json
import pathlib
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import keypoint_proofs  # noqa: E402

RECORD = json.loads(keypoint_proofs.RECORD.read_text())


def test_the_record_has_every_proof():
    assert sorted(RECORD) == sorted(keypoint_proofs.PROOFS)


@pytest.mark.parametrize("name", keypoint_proofs.PROOFS)
def test_a_proof(name):
    """Learned by this config and these files; else run keypoint_proofs.py NAME anew."""
    found = RECORD[name]
    assert found["digest"] == keypoint_proofs.digest(name)
    assert found["mAP"] > 0.9
    assert found["boxes"] <= 1e-3
    assert found["scores"] <= 1e-5
