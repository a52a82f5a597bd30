"""The heads of two-stage models with the old API's weights, and its mask pasting."""

import re

import golden_inputs
import golden_store
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.heads.region_proposal_predictor import RegionProposalPredictor
from od_api.layers.position_sensitive_crop import (
    matmul_position_sensitive_crop,
    position_sensitive_crop,
)
from od_api.pictures.paste_masks import paste_masks
from od_api.protos import box_predictor_pb2, hyperparams_pb2

CASES = golden_store.load("second_stage")
REGIONS = [
    name for name in CASES if name.startswith(("boxes", "norm", "share", "mask"))
]
IMAGES = [name for name in CASES if name.startswith("rfcn")]
PROPOSALS = [name for name in CASES if name.startswith("proposals")]

# Ours without the head's name and the variable: the end of the old name.
OLD_NAMES = {
    "box/dense": "BoxEncodingPredictor_dense",
    "box/norm": "(BoxEncodingPredictor|refined_locations)_batchnorm",
    "box/conv": "refined_locations_conv",
    "class/dense": "ClassPredictor_dense",
    "class/norm": "(ClassPredictor|class_predictions)_batchnorm",
    "class/conv": "class_predictions_conv",
    "reduce_depth/conv": "reduce_depth_conv",
    "reduce_depth/norm": "reduce_depth_batchnorm",
    r"mask/convs/conv(\d)/conv": r"MaskPredictor_conv2d_\1",
    r"mask/convs/conv(\d)/norm": r"MaskPredictor_batchnorm_\1",
    "mask/convs/upsample_conv/conv": "MaskPredictor_upsample_conv2d",
    "mask/convs/upsample_conv/norm": "MaskPredictor_upsample_batchnorm",
    "mask/convs/last": "MaskPredictor_last_conv2d",
    "shared/conv": "RPNConv",
    "shared/norm": "RPNBatchNorm",
    "box": "BoxEncodingPredictor",
    "class": "ClassPredictor",
}


def load_weights(head, case):
    """Gives every variable its value in the old API; all old ones must be used."""
    used = set()
    for variable in head.variables:
        _, *scope, leaf = variable.path.split("/")
        if leaf == "seed_generator_state":
            continue
        scope = "/".join(scope)
        ours = next(one for one in OLD_NAMES if re.fullmatch(one, scope))
        end = re.sub(ours, OLD_NAMES[ours], scope)
        found = [n for n in case["variable_names"] if re.search(f"{end}/{leaf}:0$", n)]
        assert len(found) == 1, (variable.path, found)
        variable.assign(golden_inputs.weight(found[0], tuple(variable.shape)))
        used.add(found[0])
    assert used == set(case["variable_names"])


def predictor_of(case):
    message = text_format.Parse(case["config"], box_predictor_pb2.BoxPredictor())
    return build(message, num_classes=3)


def assert_predictions(made, case, shape):
    """Both are [B x P, 1, Q, 4] and [B x P, 1, K + 1] in the old API."""
    codes = case["box_encodings"].reshape(*shape, -1, 4)
    logits = case["class_predictions_with_background"].reshape(*shape, -1)
    np.testing.assert_allclose(made["box_codes"], codes, atol=1e-5)
    np.testing.assert_allclose(made["class_logits"], logits, atol=1e-5)


@pytest.mark.parametrize("name", REGIONS)
def test_region_heads(name):
    case = CASES[name]
    head = predictor_of(case)
    features = tf.constant(case["features"])
    head(features)
    load_weights(head, case)
    assert_predictions(head(features), case, [4])
    assert head.predicts_masks == ("mask_predictions" in case)
    if head.predicts_masks:
        masks = case["mask_predictions"][:, 0].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(head.masks(features), masks, atol=2e-5)


@pytest.mark.parametrize(
    "read", [position_sensitive_crop, matmul_position_sensitive_crop]
)
@pytest.mark.parametrize("name", IMAGES)
def test_image_heads(name, read):
    """One box is the whole image, one ends at its edge."""
    case = CASES[name]
    head = predictor_of(case)
    features = tf.constant(case["features"])
    boxes = tf.constant(case["boxes"] * [60, 70, 60, 70], tf.float32)
    head(features, boxes, image_shape=(60, 70))
    load_weights(head, case)
    made = head(features, boxes, image_shape=(60, 70), read=read)
    assert_predictions(made, case, [2, 4])


@pytest.mark.parametrize("name", PROPOSALS)
def test_proposal_head(name):
    case = CASES[name]
    message = text_format.Parse(case["hyperparams"], hyperparams_pb2.Hyperparams())
    head = RegionProposalPredictor(
        anchors_per_location=[3],
        depth=8,
        kernel_size=int(case["kernel_size"]),
        atrous_rate=int(case["atrous_rate"]),
        conv_hyperparams=build(message),
    )
    features = {"C4": tf.constant(case["features"])}
    head(features)
    load_weights(head, case)
    made = head(features)
    codes = case["box_encodings"][:, :, 0]
    np.testing.assert_allclose(made["box_codes"], codes, atol=1e-5)
    logits = case["class_predictions_with_background"]
    np.testing.assert_allclose(made["class_logits"], logits, atol=1e-5)


def test_pasted_masks():
    """A probability within rounding of the threshold may fall on either side of it."""
    case = CASES["paste"]
    boxes = case["boxes"] * [40, 60, 40, 60]
    for threshold in (0.3, 0.5):
        made = paste_masks(case["masks"], boxes, (40, 60), threshold)
        sure = np.abs(case["pasted"] - threshold) > 1e-4
        # A sample on the edge of a box is in it or outside, by rounding.
        sure &= case["pasted"] > 0
        assert sure.mean() > 0.1
        np.testing.assert_array_equal(made[sure], (case["pasted"] > threshold)[sure])
        outside = made[case["pasted"] == 0]
        assert outside.mean() < 0.002
