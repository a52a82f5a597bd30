"""Augmentations that leave nothing to chance, against the old API's.

The old API kept boxes and keypoints normalised to the image and classes 1-based; ours
are in pixels and 0-based. The comparison is made in pixels of the resulting image.
"""

import golden_inputs
import golden_store
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import preprocessor_pb2

CASES = golden_store.load("augment")
OLD = CASES["input"]
HEIGHT, WIDTH = OLD["groundtruth_instance_masks"].shape[1:]
SEED = tf.constant([3, 4], tf.int32)
# In our file names: old name.
NAMES = {
    "image": "image",
    "boxes": "groundtruth_boxes",
    "classes": "groundtruth_classes",
    "weights": "groundtruth_weights",
    "multiclass_scores": "multiclass_scores",
    "keypoints": "groundtruth_keypoints",
    "masks": "groundtruth_instance_masks",
}


def image():
    return golden_inputs.image(22, HEIGHT, WIDTH)


def in_our_units(old, height, width):
    """Old fields -> our names, 0-based classes, boxes and keypoints in pixels."""
    ours = {name: old[was] for name, was in NAMES.items() if was in old}
    size = np.float32([height, width])
    if "classes" in ours:
        ours["classes"] = ours["classes"].astype(np.int32) - 1
    if "boxes" in ours:
        ours["boxes"] = ours["boxes"] * np.tile(size, 2)
    if "keypoints" in ours:
        ours["keypoints"] = ours["keypoints"] * size
    return ours


def sample():
    fields = in_our_units({**OLD, "image": image()}, HEIGHT, WIDTH)
    count = len(OLD["groundtruth_boxes"])
    fields |= {"is_crowd": np.zeros(count, bool), "difficult": np.zeros(count, bool)}
    return {name: tf.constant(value) for name, value in fields.items()}


def transformed(name):
    config = text_format.Parse(
        CASES[name]["config"], preprocessor_pb2.PreprocessingStep()
    )
    given = sample()
    if name in WITHOUT_MASKS:
        given = {k: v for k, v in given.items() if k not in ("masks", "keypoints")}
    return {k: v.numpy() for k, v in build(config)(given, SEED).items()}


def expected(name):
    """The old API's result, fields that it left alone included."""
    old = {**OLD, "image": image(), **CASES[name]}
    old["image"] = old["image"].reshape(old["image"].shape[-3:])
    return in_our_units(old, *old["image"].shape[:2])


# The old operation knew no masks and keypoints, ours refuses to make them stale.
WITHOUT_MASKS = {"concat_vertical", "concat_horizontal"}
# name: largest difference of a pixel.
SAME = {
    "normalize": 1e-5,
    "flip": 0,
    "flip_vertical": 0,
    "rotate": 0,
    "pixel_scale": 1e-3,
    "pixel_scale_up": 1e-3,
    "contrast": 1e-3,
    "saturation": 1e-2,
    "random_gray": 1e-2,
    "means": 1e-4,
    "softmax": 0,
    "concat_vertical": 0,
    "concat_horizontal": 0,
    "drop_label": 0,
    "remap": 0,
    "jpeg": 1e-3,
    "gamma": 1e-2,
}
RESIZED = (
    "resize",
    "resize_bicubic",
    "resize_area",
    "resize_nearest",
    "downscale",
    "image_scale",
)


@pytest.mark.parametrize("name", SAME)
def test_fields_are_the_old_ones(name):
    ours, old = transformed(name), expected(name)
    for field, value in old.items():
        if name in WITHOUT_MASKS and field in ("masks", "keypoints"):
            continue
        limit = SAME[name] if field == "image" else 1e-4
        np.testing.assert_allclose(
            ours[field], value, rtol=1e-5, atol=limit, err_msg=field
        )


def test_gray_keeps_three_channels():
    """The old `rgb_to_gray` left one channel, which no backbone accepts."""
    ours, old = transformed("gray")["image"], expected("gray")["image"]
    assert old.shape == (HEIGHT, WIDTH, 1)
    np.testing.assert_allclose(ours, np.repeat(old, 3, -1), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("name", RESIZED)
def test_resized_pixels_are_the_old_ones(name):
    ours, old = transformed(name), expected(name)
    np.testing.assert_allclose(ours["image"], old["image"], rtol=1e-5, atol=1e-3)
    for field in ("boxes", "keypoints", "classes", "weights"):
        np.testing.assert_allclose(ours[field], old[field], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", RESIZED)
def test_resized_masks_are_the_old_ones(name):
    """But for those of the old `random_image_scale`.

    It took the masks' axes for (height, width, channels), so that [3, 12, 17] masks
    became [7, 10, 17].
    """
    ours, old = transformed(name)["masks"], expected(name)["masks"]
    if name != "image_scale":
        np.testing.assert_array_equal(ours, old)
        return
    height, width = expected(name)["image"].shape[:2]
    assert old.shape == (height, width, WIDTH)
    masks = OLD["groundtruth_instance_masks"][..., None]
    nearest = tf.compat.v1.image.ResizeMethod.NEAREST_NEIGHBOR
    meant = tf.compat.v1.image.resize_images(
        masks, (height, width), nearest, align_corners=True
    )
    np.testing.assert_array_equal(ours, meant[..., 0])
