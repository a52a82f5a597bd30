"""The script that compares exported models with checkpoints, and the page's table."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "engine_parity.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("engine_parity", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def detections(boxes, scores, classes, **more):
    return {
        "detection_boxes": np.reshape(np.float64(boxes), [-1, 4]),
        "detection_scores": np.float64(scores),
        "detection_classes": np.array(classes),
        **more,
    }


ONE, OTHER = [0.1, 0.1, 0.5, 0.5], [0.2, 0.2, 0.6, 0.4]


def test_differences_by_hand(script):
    """Of 100 x 200 px: .001 of the width are .2 px, and nothing stands where it did."""
    moved = [0.2, 0.201, 0.6, 0.4]
    wanted = detections([ONE, OTHER], [0.9, 0.8], [1, 1])
    found = detections([moved, ONE], [0.8, 0.85], [1, 1])
    pairs, alone = script.differences(found, wanted, (100, 200))
    np.testing.assert_allclose(pairs, [[0, 0.05, 0, 1], [0.2, 0, 0, 1]], atol=1e-9)
    assert alone == 0
    row = script.summary([(pairs, alone)])
    assert (row["apart"], row["swapped"], row["detections"]) == (2, 2, 2)
    np.testing.assert_allclose([row["boxes_px"], row["scores"]], [0.2, 0.05])


def test_another_class_is_no_partner(script):
    wanted = detections([ONE], [0.9], [1])
    found = detections([ONE, OTHER], [0.9, 0.8], [2, 2])
    assert script.differences(found, wanted, (10, 10)) == ([], 3)
    nothing = detections([], [], [])
    assert script.differences(nothing, nothing, (10, 10)) == ([], 0)
    assert script.summary([([], 0)])["boxes_px"] == 0.0


def test_masks_are_compared(script):
    masks = {"detection_masks": np.zeros([1, 2, 2])}
    other = {"detection_masks": np.full([1, 2, 2], 0.25)}
    one = detections([ONE], [0.9], [1], **masks)
    ((_, _, apart, _),), _ = script.differences(
        detections([ONE], [0.9], [1], **other), one, (10, 10)
    )
    assert apart == 0.25


def test_ellipses_fill_what_they_say(script):
    """Corners on the box's sides; the area of a polygon by the shoelace formula."""
    x, y = np.reshape(script.ellipse(10, 20, 40, 60, corners=256), [-1, 2]).T
    np.testing.assert_allclose([x.min(), x.max(), y.min(), y.max()], [10, 50, 20, 80])
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    np.testing.assert_allclose(area, np.pi / 4 * 40 * 60, rtol=1e-3)


# Of the 4,800 detections of a kind, how many may lie beyond the limits. Rounding moves
# these detectors so: TensorFlow's own SavedModel of the last has six, too.
BEYOND = {"ssd_fpn": 1, "ssd_depthwise": 6}


def test_engines_find_what_the_checkpoints_find(script):
    """All engines, single images and batches, of every kind."""
    record = json.loads(SCRIPT.with_suffix(".json").read_text())
    assert set(record["kinds"]) == set(script.KINDS)
    for name, kind in record["kinds"].items():
        rows = kind["rows"]
        assert {(row["format"], row["batch"]) for row in rows} == {
            (name, batch) for name in script.ENGINES for batch in script.BATCH_SIZES
        }
        for row in rows:
            place = kind["title"], row
            assert row["detections"] > 0
            for found in (row, row["from_tensorflow"]):
                assert found["alone"] == 0, place
                assert found["apart"] <= BEYOND.get(name, 0), place
                assert found["boxes_px"] < 0.002 and found["scores"] < 1.2e-5, place


def test_int8_loses_little(script):
    """At most .02 mAP@.5, of every kind."""
    for kind in json.loads(SCRIPT.with_suffix(".json").read_text())["kinds"].values():
        for metric, before in kind["mAP"]["checkpoint"].items():
            assert before - kind["mAP"]["openvino int8"][metric] <= 0.02, kind["title"]


def test_the_page_shows_the_record_as_it_is(script):
    record = json.loads(SCRIPT.with_suffix(".json").read_text())
    assert script.markdown(record) in (ROOT / "docs" / "engines.md").read_text()
