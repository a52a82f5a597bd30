"""Types of EfficientDet, and D0 as a whole."""

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.config.loading import load_config
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import Targets
from od_api.old_api.efficientdet_types import BUILT
from od_api.old_api.feature_extractor_aliases import typed_parts
from od_api.protos import ssd_pb2

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"


def parts(version, text=""):
    name = f"ssd_efficientnet-b{version}_bifpn_keras"
    message = ssd_pb2.SsdFeatureExtractor(type=name)
    return typed_parts(text_format.Parse(text, message))


def test_eight_of_them():
    assert len(BUILT) == 8


@pytest.mark.parametrize(
    ("version", "text", "passes", "depth"),
    [
        (0, "", 3, 64),
        (5, "", 7, 288),
        (6, "bifpn { num_iterations: 8 num_filters: 384 }", 8, 384),
        (0, "bifpn { num_filters: 8 } min_depth: 20", 3, 20),
    ],
)
def test_what_a_type_stands_for(version, text, passes, depth):
    backbone, neck = parts(version, text)
    assert backbone.efficientnet.version == version
    assert (neck.bifpn.num_iterations, neck.bifpn.depth) == (passes, depth)
    assert (neck.bifpn.min_level, neck.bifpn.max_level) == (3, 7)
    regularizer = backbone.efficientnet.conv_hyperparams.regularizer
    assert regularizer.l2_regularizer.weight == pytest.approx(1e-5)


def test_settings_are_those_of_the_pyramid_alone():
    text = 'bifpn { combine_method: "sum" } conv_hyperparams { activation: RELU_6 }'
    backbone, neck = parts(0, text)
    assert neck.bifpn.combine_method == "sum"
    settings = neck.bifpn.conv_hyperparams
    assert settings.activation == settings.RELU_6
    assert not backbone.efficientnet.conv_hyperparams.HasField("activation")


@pytest.mark.parametrize(
    "field",
    [
        "depth_multiplier: 0.5",
        "use_depthwise: true",
        "use_explicit_padding: true",
        "override_base_feature_extractor_hyperparams: true",
    ],
)
def test_what_they_have_not_is_refused(field):
    with pytest.raises(ConfigError, match="is not for type") as caught:
        parts(0, field)
    assert caught.value.field_path == field.split(":")[0]


def test_d0_has_its_published_parameters_and_learns():
    """3,880,067 that are trained, at 64 px: 3.9 million in the paper's table 2."""
    path = CONFIGS / "ssd" / "ssd_efficientdet_d0_512x512_coco.config"
    resizer = "model.ssd.image_resizer.fixed_shape_resizer"
    config = load_config(path, [f"{resizer}.height=64", f"{resizer}.width=64"])
    detector = build(config.model.ssd)
    trained = [v for x in detector.parts.values() for v in x.trainable_variables]
    assert sum(math.prod(v.shape) for v in trained) == 3_880_067
    targets = Targets(
        boxes=tf.constant([[[4.0, 4.0, 40.0, 40.0]], [[10.0, 0.0, 60.0, 30.0]]]),
        classes=tf.constant([[3], [89]]),
        weights=tf.ones([2, 1]),
        valid=tf.ones([2, 1], tf.bool),
        true_shapes=tf.constant([[64, 64], [64, 64]]),
    )

    @tf.function
    def gradients(images):
        with tf.GradientTape() as tape:
            predictions = detector.call(images, targets.true_shapes, training=True)
            loss = tf.add_n(list(detector.losses(predictions, targets).values()))
        return loss, tape.gradient(loss, [v.value for v in trained])

    loss, found = gradients(tf.random.uniform([2, 64, 64, 3], 0, 255))
    assert np.isfinite(loss) and all(np.isfinite(g).all() for g in found)
