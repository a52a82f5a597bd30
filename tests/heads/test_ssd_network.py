"""Backbone, neck and head together, as SSD on MobileNet has them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.old_api.feature_extractor_aliases import typed_parts
from od_api.protos import box_predictor_pb2, ssd_pb2


@pytest.fixture(params=["float32", "mixed_bfloat16", "mixed_float16"])
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def test_mobilenet_300_predicts_for_1917_anchors(policy):
    """3 * 19^2 + 6 * (10^2 + 5^2 + 3^2 + 2^2 + 1^2) = 1,917."""
    extractor = text_format.Parse(
        'type: "ssd_mobilenet_v1_keras" depth_multiplier: 0.25 '
        "conv_hyperparams { activation: RELU_6 batch_norm { scale: true } }",
        ssd_pb2.SsdFeatureExtractor(),
    )
    backbone, neck = (registry.build(part) for part in typed_parts(extractor))
    head = registry.build(
        text_format.Parse(
            "convolutional_box_predictor {}", box_predictor_pb2.BoxPredictor()
        ),
        num_classes=90,
        anchors_per_location=[3, 6, 6, 6, 6, 6],
        add_background_class=True,
    )

    @tf.function
    def network(images, training):
        stages = backbone(backbone.normalize(images), training=training)
        return head(neck(stages, training=training), training=training)

    images = tf.random.uniform([2, 300, 300, 3], 0, 255)
    for training in (False, True):
        out = network(images, training)
        assert out["class_logits"].shape == (2, 1917, 91)
        assert out["box_codes"].shape == (2, 1917, 4)
        assert {x.dtype for x in out.values()} == {tf.float32}
        assert all(np.all(np.isfinite(x)) for x in out.values())
    variables = [*backbone.variables, *neck.variables, *head.variables]
    assert len({v.path for v in variables}) == len(variables)
    weights = [*backbone.weights, *neck.weights, *head.weights]
    assert {v.dtype for v in weights} == {"float32"}
