"""Box codes clipped to a range."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from kit import check_gradients, check_graph

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.layers.box_encodings_clip_range import BoxEncodingsClipRange
from od_api.protos import box_predictor_pb2


def test_numbers_outside_end_at_the_limits():
    clip = BoxEncodingsClipRange(min=-2, max=3)
    codes = tf.constant([[[-9.0, -2.0, 0.5, 3.5]]])
    np.testing.assert_array_equal(check_graph(clip, codes), [[[-2, -2, 0.5, 3]]])
    np.testing.assert_array_equal(clip(clip(codes)), clip(codes))


def test_gradient_passes_inside_alone():
    (gradient,) = check_gradients(
        BoxEncodingsClipRange(min=-2, max=3), tf.constant([-9.0, 0.5, 9.0])
    )
    np.testing.assert_array_equal(gradient, [0, 1, 0])


@pytest.mark.parametrize(
    "predictor",
    [
        box_predictor_pb2.ConvolutionalBoxPredictor,
        box_predictor_pb2.WeightSharedConvolutionalBoxPredictor,
    ],
)
def test_both_heads_messages(predictor):
    message = predictor.BoxEncodingsClipRange
    clip = build(text_format.Parse("min: -1 max: 1", message()))
    assert (clip.min, clip.max) == (-1, 1)
    with pytest.raises(ConfigError, match=r"min.*max"):
        build(text_format.Parse("min: 2 max: 1", message()))
