"""What layers lose in int8: the measure, and what is said of it."""

import json
import logging

import numpy as np
import pytest
from int8_packages import needs

from od_api import cli
from od_api.core.errors import UserError
from od_api.exporting.sensitivity import IMAGES, Sensitivity, first, lost

BOXES = np.array([[0, 0, 0.4, 0.2], [0.5, 0.5, 1, 1]])


def found(scores, boxes=BOXES, classes=(1, 2)):
    return boxes, np.array(scores), np.array(classes)


def test_by_hand():
    """Scores .8 and .4; after it the first has .6 and half of its box, the second its
    place and score, but another class: 1 - 2 (.6 x .5) / (1.2 + 1)."""
    before = found([0.8, 0.4])
    moved = BOXES.copy()
    moved[0, 2] = 0.2
    after = found([0.6, 0.4], moved, (1, 1))
    assert lost([(before, after)]) == pytest.approx(1 - 0.6 / 2.2)
    assert lost([(before, before)]) == pytest.approx(0)
    none = np.zeros((0, 4)), np.zeros(0), np.zeros(0)
    assert lost([(before, none)]) == 1
    assert lost([(none, none)]) == 0
    # Nothing is said of an image without detections; the others decide.
    assert lost([(none, none), (before, after)]) == pytest.approx(1 - 0.6 / 2.2)


def test_each_detection_counts_once():
    """Two on one place of which one remains: the better score has it."""
    same = np.repeat(BOXES[:1], 2, axis=0)
    before = found([0.8, 0.6], same, (1, 1))
    after = same[:1], np.array([0.8]), np.array([1])
    assert lost([(before, after)]) == pytest.approx(1 - 2 * 0.8 / (1.4 + 0.8))
    assert lost([(before, after)]) == pytest.approx(lost([(after, before)]))


def model(scores):
    """Says the same of all images; the row behind the count means nothing."""
    outputs = {
        "detection_boxes": np.stack([*BOXES, BOXES[0]])[None],
        "detection_scores": np.array([[*scores, 0.9]]),
        "detection_classes": np.array([[1, 2, 1]]),
        "num_detections": np.array([2.0]),
    }
    return lambda image: outputs


def test_the_worst_comes_first(caplog):
    """1 - 2 (.4 + .4) / (1.2 + .8) = .2, and less for the other."""
    alone = {"a": [0.7, 0.4], "b b": [0.4, 0.4], "c": [0.8, 0.4]}
    measured = Sensitivity()
    images = [np.zeros((1, 4, 4, 3), np.uint8)] * 2
    with caplog.at_level(logging.INFO):
        measured.measure(alone, images, model([0.8, 0.4]), lambda n: model(alone[n]))
    assert list(measured.lost) == ["b b", "a", "c"]
    assert measured.lost["b b"] == pytest.approx(0.2)
    assert measured.lost["c"] == pytest.approx(0)
    assert measured.worst() == ["b b"]
    assert "--float-layers 'b b'" in caplog.text and "0.20000  b b" in caplog.text


def test_nothing_to_measure():
    images = [np.zeros((1, 4, 4, 3), np.uint8)]
    with pytest.raises(UserError, match="finds nothing in the images"):
        Sensitivity().measure(["a"], images, model([0, 0]), model)
    scores = {"image_class_scores": np.zeros((1, 3))}
    with pytest.raises(UserError, match="finds no boxes"):
        Sensitivity().measure(["a"], images, lambda image: scores, model)


def test_a_few_images_are_enough():
    assert first(range(100)) == list(range(IMAGES))
    assert first(range(3)) == [0, 1, 2]


@pytest.mark.parametrize(
    "model_format",
    [
        pytest.param("openvino", marks=needs("nncf")),
        pytest.param("litert", marks=needs("ai_edge_quantizer")),
    ],
)
def test_layers_of_an_export(random_ssd, tmp_path, caplog, model_format):
    """The first three are left to int8, and each is measured alone. Random weights
    hardly look that far back, so that the loss may be nothing."""
    command = ["export", *random_ssd, str(tmp_path / "int8"), "--format", model_format]
    options = ["--precision", "int8", "--calibration-images", "3", "--sensitivity"]
    given = ["--float-layers", "*maps*", "*conv_[dp]w_[2-9]*", "*conv_[dp]w_1[0-9]*"]
    with caplog.at_level(logging.INFO):
        assert cli.main([*command, *options, *given]) == 0
    parity = json.loads((tmp_path / "int8" / "parity.json").read_text())
    found = parity["sensitivity"]
    assert len(found) == 3 and all("/conv" in layer for layer in found)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert 0 <= max(found.values()) < 1
    assert all(layer in caplog.text for layer in found)
