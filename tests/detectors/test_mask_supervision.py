"""The loss of a mask of foreground by hand, and in both detectors."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import two_stage_kit
from detector_kit import make_detector
from google.protobuf import text_format
from kit import SEED, make_targets

from od_api.core.errors import ConfigError, UserError
from od_api.core.registry import build_field
from od_api.core.types import MapSpecs
from od_api.detectors.mask_supervision import MaskSupervision
from od_api.protos import pipeline_pb2

MASK = MapSpecs(strides={"mask_logits": 8}, channels={"mask_logits": 2})
# Foreground has the probability 3/4.
LOGITS = tf.constant(np.tile([0, np.log(3)], (1, 2, 2, 1)), tf.float32)
RIGHT, WRONG = -np.log(0.75), -np.log(0.25)
BACKBONE = """backbone { objectness_gate {
    backbone { mobilenet_v1 { depth_multiplier: 0.25 } }
    masks { fast_scnn { num_classes: 2 depth_multiplier: 0.1 } }
} }"""


def _loss(boxes, logits=LOGITS, foreground="boxes", weight=1.0, **targets):
    given = make_targets([boxes])._replace(true_shapes=tf.constant([[16, 16]]))
    part = MaskSupervision(auxiliary=MASK, loss_weight=weight, foreground=foreground)
    (loss,) = part.losses(logits, given._replace(**targets), (16, 16)).values()
    return float(loss)


def test_boxes_by_hand():
    """Cells of 8 px, centres at 4 and 12: the first row is in the box, the other not.

    Of 4 cells 2 are right, with the loss -log 3/4, and 2 wrong, with -log 1/4. A box
    from 4 on leaves the first centre on its border, outside.
    """
    upper = [0, 0, 8, 16]
    assert _loss([upper]) == pytest.approx((RIGHT + WRONG) / 2)
    assert _loss([upper], weight=2.0) == pytest.approx(RIGHT + WRONG)
    assert _loss([[4, 4, 16, 16]]) == pytest.approx((RIGHT + 3 * WRONG) / 4)
    assert _loss(np.zeros([0, 4])) == pytest.approx(WRONG)


def test_what_does_not_count():
    """The lower row in an ignored box, or in one without weight, or in the padding."""
    both = [[0, 0, 8, 16], [8, 0, 16, 16]]
    second = tf.constant([[False, True]])
    assert _loss(both, ignored=second) == pytest.approx(RIGHT)
    assert _loss(both, weights=tf.constant([[1.0, 0.0]])) == pytest.approx(RIGHT)
    assert _loss(both[:1], true_shapes=tf.constant([[8, 16]])) == pytest.approx(RIGHT)
    # An object within what is ignored is foreground all the same.
    whole = [[0, 0, 8, 16], [0, 0, 16, 16]]
    assert _loss(whole, ignored=second) == pytest.approx(RIGHT)


def test_masks_by_hand():
    """The left half of the box, also of masks at a quarter of the size."""
    for side in (16, 4):
        masks = np.zeros([1, 1, side, side], np.uint8)
        masks[..., : side // 2] = 1
        found = _loss([[0, 0, 16, 16]], foreground="masks", masks=tf.constant(masks))
        assert found == pytest.approx((RIGHT + WRONG) / 2)
    with pytest.raises(UserError, match="load_instance_masks"):
        _loss([[0, 0, 16, 16]], foreground="masks")


def test_images_count_alike():
    """One image's cells are all right, of the other two of four are in the padding."""
    part = MaskSupervision(auxiliary=MASK)
    boxes = [[[0, 0, 16, 16]], [[0, 0, 0, 0]]]
    given = make_targets(boxes, valid=[[1], [0]])
    given = given._replace(true_shapes=tf.constant([[16, 16], [8, 16]]))
    (loss,) = part.losses(tf.repeat(LOGITS, 2, axis=0), given, (16, 16)).values()
    assert float(loss) == pytest.approx((RIGHT + WRONG) / 2)


def _ssd():
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG[: tiny.CONFIG.index("train_config")], config)
    extractor = config.model.ssd.feature_extractor
    extractor.Clear()
    neck = 'neck { ssd_feature_maps { levels: ["C4", "C5"] extra_depths: [16, 16] } }'
    text_format.Merge(f"{BACKBONE} {neck}", extractor)
    text_format.Merge("mask_supervision { loss_weight: 2 }", config.model.ssd)
    return build_field(config, "model")


def _faster_rcnn():
    neck = "neck { fpn { min_level: 2 max_level: 6 depth: 32 } }"
    edit = f"feature_extractor {{ {BACKBONE} {neck} }} mask_supervision {{}}"
    return two_stage_kit.detector("faster_rcnn_fpn", edit)


@pytest.mark.parametrize("make", [_ssd, _faster_rcnn])
def test_in_detectors(make):
    """A loss in training that moves the mask alone; none without targets."""
    model, truth = make(), two_stage_kit.targets(batch=1)
    images = two_stage_kit.images(batch=1)
    mask = model.parts["backbone"].masks.trainable_weights
    with tf.GradientTape() as tape:
        made = model.call(
            images, truth.true_shapes, training=True, targets=truth, seed=SEED
        )
        loss = model.losses(made, truth, SEED)["mask_gate_loss"]
    assert np.isfinite(loss) and loss > 0
    gradients = tape.gradient(loss, [v.value for v in mask])
    assert all(g is not None and np.isfinite(g).all() for g in gradients)
    made = model.call(images, truth.true_shapes)
    assert made.gate_logits is None
    assert "mask_gate_loss" not in model.losses(made, truth, SEED)


def test_a_backbone_without_a_mask_is_refused():
    with pytest.raises(ConfigError, match="objectness_gate") as caught:
        make_detector("ssd", edit="mask_supervision {}")
    assert caught.value.field_path == "model.ssd.mask_supervision"
    with pytest.raises(ConfigError, match="boxes, masks"):
        make_detector("rpn", edit='mask_supervision { foreground: "x" }')
