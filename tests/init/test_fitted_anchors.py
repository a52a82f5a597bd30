"""Anchors are fitted where that helps, and of their own kind."""

import copy
import itertools

import numpy as np
import pytest

from od_api.init.detector_choices import chosen, model_of
from od_api.init.fitted_anchors import LEAST_GAIN, fit_anchors


def model_named(name):
    return model_of(chosen(name).config())


def boxes(height, width, count=12, spread=0.1):
    """Boxes of about one size in shares of the image, anywhere in it."""
    random = np.random.default_rng(0)
    sizes = [height, width] * np.exp(random.normal(0.0, spread, [count, 2]))
    corners = random.uniform(0.0, 1.0 - np.minimum(sizes, 0.99))
    return np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "size", "field"),
    [
        ("ssd_mobilenet_v2_fpnlite_320", (320, 320), "multiscale_anchor_generator"),
        ("ssd_mobilenet_v1_300", (300, 300), "ssd_anchor_generator"),
        ("faster_rcnn_resnet101_600x1024", (600, 800), "grid_anchor_generator"),
    ],
)
def test_small_long_boxes_get_anchors_of_their_own(name, size, field):
    model = model_named(name)
    before = copy.deepcopy(model)
    fit = fit_anchors(model, size, boxes(0.04, 0.16), "mobilenet_v1")
    assert fit.changed
    assert fit.after >= fit.before + LEAST_GAIN
    slot = (
        model.anchor_generator if "ssd" in name else model.first_stage_anchor_generator
    )
    assert slot.WhichOneof("anchor_generator_oneof") == field
    # Nothing else was touched.
    for one in (before, model):
        one.ClearField("anchor_generator" if "ssd" in name else _TWO_STAGE)
    assert before == model


_TWO_STAGE = "first_stage_anchor_generator"


def test_anchors_that_fit_stay():
    """Squares of 4 cells of each map, in the middle of a cell, are shipped anchors."""
    model = model_named("ssd_mobilenet_v2_fpnlite_320")
    before = copy.deepcopy(model)
    own = [
        [(i + 0.5) * stride - 2 * stride, (i + 0.5) * stride + 2 * stride]
        for stride in (8, 16, 32)
        for i in (2, 4, 7)
    ]
    squares = np.float32([(low, low, high, high) for low, high in own]) / 320
    found = fit_anchors(model, (320, 320), squares, "mobilenet_v2")
    assert not found.changed
    assert found.before == found.after == pytest.approx(1.0, abs=1e-5)
    assert before == model


def test_without_boxes_nothing_is_fitted():
    model = model_named("ssd_mobilenet_v1_300")
    assert fit_anchors(model, (300, 300), np.zeros([0, 4]), "mobilenet_v1") is None


def test_shapes_are_told_apart():
    model = model_named("ssd_mobilenet_v2_fpnlite_320")
    fit_anchors(model, (320, 320), boxes(0.05, 0.25, spread=0.001), "mobilenet_v2")
    ratios = model.anchor_generator.multiscale_anchor_generator.aspect_ratios
    assert len(ratios) == 3
    assert min(b / a for a, b in itertools.pairwise(ratios)) > 1.3
