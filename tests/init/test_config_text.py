"""What the comments of a config say, against the numbers that they are made of."""

import numpy as np
import pytest
from google.protobuf import text_format

from od_api.init.config_text import config_text
from od_api.init.data_facts import DataFacts
from od_api.init.detector_choices import chosen, model_of
from od_api.init.filled_config import (
    Filling,
    RecordFiles,
    set_detector,
    set_readers,
    set_training,
)
from od_api.init.fitted_anchors import Fit
from od_api.init.recipe import kind_of_detector, recipe
from od_api.init.weights_choice import Weights
from od_api.protos import pipeline_pb2

SSD = "ssd_mobilenet_v1_300"
SHIPPED = Fit(0.5, 0.52, False)
FILE = Weights("weights/w.h5", "classification", None, "Weights of mine")


def facts(images, boxes=3, most=2):
    boxes = np.full([boxes, 4], 0.25, np.float32)
    return DataFacts(images, boxes, np.ones([len(boxes), 2]), most, (60, 80))


def written(*, fit=SHIPPED, weights=FILE, names=("cat", "dog"), most=2, steps=50):
    """(text, config): 40 images, a batch of 4."""
    choice = chosen(SSD)
    config = choice.config()
    model = model_of(config)
    kind = kind_of_detector(model)
    filling = Filling(
        num_classes=len(names),
        class_names=list(names),
        train=facts(40, most=most),
        val=facts(10, boxes=1),
        weights=weights,
        recipe=recipe(kind, 40, 4, steps),
    )
    set_detector(model, filling)
    set_training(config, filling)
    set_readers(config, RecordFiles("l.pbtxt", ["t"], ["v"]), filling)
    return config_text(config, choice, filling, fit, (300, 400)), config


def comment_above(text, line):
    """The comment that ends where a line begins."""
    before = text[: text.index(f"{line}")].splitlines()
    found = []
    while before and (not before[-1].strip() or before[-1].strip()[0] == "#"):
        found.insert(0, before.pop().strip().lstrip("# "))
    return " ".join(found).strip()


def test_it_is_the_config_with_a_head():
    text, config = written()
    parsed = text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig())
    assert parsed == config
    first, second = text.splitlines()[:2]
    assert first == f"# {SSD} on 40 images (3 boxes), evaluated on 10 (1)."
    assert second.endswith("of the shipped ssd/ssd_mobilenet_v1_300x300_coco.config.")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        # 50 steps of 4 images, of 40 different ones.
        ("num_steps: 50", "Every image 5 times"),
        ("fine_tune_checkpoint: ", "Weights of mine."),
        ("image_resizer {", "of the median image 300x400 pixels"),
        ("feature_extractor {", "keeps the statistics of the weights"),
        (
            "anchor_generator {",
            "of the boxes with the best anchor is 0.50",
        ),
        ("max_number_of_boxes: 10", "No image has more than 2."),
        ("total_steps: 50", "As num_steps."),
        ("paths_from_this_file: true", "start from the folder of this file"),
    ],
)
def test_a_comment_stands_above_its_field(line, words):
    assert words in comment_above(written()[0], line)


def test_comments_follow_what_was_chosen():
    """Random weights, fitted anchors, classes of two sides, many objects."""
    text, _ = written(
        fit=Fit(0.5, 0.61, True), weights=Weights(), names=("left", "right"), most=140
    )
    assert "keeps the statistics" not in text.replace("\n", " ")
    assert "best anchor is 0.61 (as shipped: 0.50)" in text
    assert "No mirror images" in text
    assert "Images have many objects." in comment_above(text, "max_detections: ")


def test_only_a_short_training_speaks_of_fast_batch_norm():
    assert "because the training is short" in written(steps=9_999)[0]
    assert "because the training is short" not in written(steps=10_000)[0]
