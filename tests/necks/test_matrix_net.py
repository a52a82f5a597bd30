"""Matrix nets: how many layers, their sizes and values, a detector, mistakes."""

import neck_kit as kit
import numpy as np
import pytest
from google.protobuf import text_format
from numpy_maps import convolved

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.protos import pipeline_pb2

BELOW = "neck { top_down_fpn { min_level: 3 max_level: 5 depth: 3 } }"
DENSE = """
model { ssd {
  num_classes: 2
  add_background_class: false
  image_resizer { identity_resizer {} }
  feature_extractor {
    backbone { mobilenet_v1 { depth_multiplier: 0.25 } }
    neck { matrix_net { neck { fpn { min_level: 3 max_level: 5 depth: 8 } } } }
  }
  anchor_generator { matrix_point_generator { max_level: 5 } }
  box_coder { ltrb_box_coder { exponential: true by_stride: true } }
  box_predictor { fcos_box_predictor { depth: 8 num_layers_before_predictor: 1 } }
  columns { centerness {} }
  objective { matched {
    matcher { matrix_assigner { levels: 3 } }
    classification_loss { weighted_sigmoid_focal {} }
    localization_loss { weighted_giou {} }
  } }
  post_processing { score_converter: SIGMOID score_factors: "centerness" }
} }
"""


def built(text="", below=BELOW, stages=kit.TOY):
    return kit.built(f"matrix_net {{ {below} {text} }}", stages)


def test_layers_and_parameters():
    """25 - 6 = 19 of P3 to P7; off the diagonal two convolutions of 9 * 256^2 + 256.

    512 px: layer (i, j) has 64 / 2^i rows of 64 / 2^j cells (T40).
    """
    neck = built("", "neck { top_down_fpn { min_level: 3 max_level: 7 } }", kit.RESNET)
    assert len(neck.levels) == 19
    assert neck.levels[:4] == ("P3", "P3_P4", "P3_P5", "P4_P3")
    assert neck.strides["P3_P5"] == (8, 32) and neck.strides["P6"] == 64
    assert kit.trained(neck) - kit.trained(neck.neck) == 2 * (9 * 256**2 + 256)
    shapes = {n: (1, 64 >> i, 64 >> i, 256) for i, n in enumerate(neck.neck.levels)}
    made = neck.changed({n: np.zeros(s, np.float32) for n, s in shapes.items()})
    for name, x in made.items():
        rows, columns = (name.split("_") * 2)[:2]
        assert x.shape[1:3] == (shapes[rows][1], shapes[columns][1]), name


def _halved(x, layer, axis):
    """Every second cell, of an even number beginning with the second."""
    made = convolved(x, layer)
    return np.take(made, range(1 - made.shape[axis] % 2, made.shape[axis], 2), axis)


def test_against_numpy():
    """Each layer is one convolution of the one nearer to the diagonal."""
    neck = kit.with_random_weights(built())
    made = {n: x.numpy()[0] for n, x in neck.neck(kit.features(75)).items()}
    for source, right, down in (
        ("P3", "P3_P4", "P4_P3"),
        ("P4", "P4_P5", "P5_P4"),
    ):
        made[right] = _halved(made[source], neck._right, axis=1)
        made[down] = _halved(made[source], neck._down, axis=0)
    made["P3_P5"] = _halved(made["P3_P4"], neck._right, axis=1)
    made["P5_P3"] = _halved(made["P4_P3"], neck._down, axis=0)
    kit.check_maps(neck(kit.features(75)), {n: made[n] for n in neck.levels})


def test_gradients_and_auxiliary_maps():
    neck, given = built("steps: 1"), kit.features(75)
    assert len(neck.levels) == 7
    with_laterals = neck(given, auxiliary=True)
    assert list(with_laterals) == [*neck.levels, "M3", "M4", "M5"]


def _detector(edit=""):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(DENSE, config)
    text_format.Merge(edit, config.model.ssd)
    return build_field(config, "model")


def test_in_ssd():
    """An odd size, one step: losses and gradients are finite, boxes too."""
    import tensorflow as tf
    from kit import SEED, make_targets

    detector = _detector()
    shapes = tf.constant([[97, 131]])
    truth = make_targets([[[10, 10, 60, 120], [30, 5, 60, 40]]])
    truth = truth._replace(true_shapes=shapes)
    images = 255 * tf.random.stateless_uniform([1, 97, 131, 3], SEED)
    weights = [v for p in detector.parts.values() for v in p.trainable_weights]
    with tf.GradientTape() as tape:
        made = detector.call(images, shapes, training=True, targets=truth)
        losses = detector.losses(made, truth, SEED)
        total = tf.add_n(list(losses.values()))
    assert all(loss > 0 for loss in losses.values())
    for gradient in tape.gradient(total, [v.value for v in weights]):
        assert np.isfinite(gradient).all()
    found = detector.detect(detector.call(images, shapes))
    assert np.isfinite(found.boxes).all()


def test_the_parts_must_agree():
    with pytest.raises(ConfigError, match=r"levels: is 5 .* 19 layers.* 9 maps"):
        _detector("objective { matched { matcher { matrix_assigner { levels: 5 } } } }")


@pytest.mark.parametrize(
    ("text", "below", "words"),
    [
        ("steps: 3", BELOW, r"steps is 3; it must be in 1\.\.2"),
        ("steps: 0", BELOW, "steps: is 0"),
        ("", "", "neck: is not set"),
        ("", BELOW.replace("min_level: 3", "min_level: 5"), "levels is 1"),
        ("", f"neck {{ matrix_net {{ {BELOW} }} }}", "twice the stride"),
        ("conv_hyperparams { batch_norm {} }", BELOW, "normaliser"),
    ],
)
def test_mistakes(text, below, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        built(text, below)


def test_regions_and_keypoints_need_square_cells():
    text = "matrix_net { neck { fpn { min_level: 4 max_level: 5 depth: 8 } } steps: 1 }"
    with pytest.raises(ConfigError, match="P4_P5 has cells of 16 x 32 pixels"):
        kit.in_faster_rcnn(text, (4, 7))
