"""SSD over the extractors of the study: levels, depths and map sizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import pipeline_pb2

SIX_300, SIX_600 = [19, 10, 5, 3, 2, 1], [38, 19, 10, 5, 3, 2]
SEVEN_300, SEVEN_600 = [38, *SIX_300], [75, *SIX_600]

# Map sizes at 300 and 600 px, depths of the base maps, and of the appended ones.
STUDY = {
    "ssd_vgg16": (SEVEN_300, SEVEN_600, [512, 1024], [512, 256, 256, 256, 256]),
    "ssd_mobilenet_v1": (SIX_300, SIX_600, [512, 1024], [512, 256, 256, 128]),
    "ssd_inception_v2": (SIX_300, SIX_600, [576, 1024], [512, 256, 256, 128]),
    "ssd_resnet101_v1": (SIX_300, SIX_600, [1024], [512, 512, 256, 256, 128]),
    "ssd_inception_v3": (
        SEVEN_300[:6],
        SEVEN_600[:6],
        [288, 768, 2048],
        [512, 256, 128],
    ),
    "ssd_inception_resnet_v2": (
        SIX_300[:5],
        SIX_600[:5],
        [1088, 1536],
        [512, 256, 128],
    ),
}
DEEP = ("ssd_resnet101_v1", "ssd_inception_v3", "ssd_inception_resnet_v2")


def _detector(extractor, maps, size):
    config = text_format.Parse(tiny.CONFIG, pipeline_pb2.TrainEvalPipelineConfig())
    ssd = config.model.ssd
    fixed = ssd.image_resizer.fixed_shape_resizer
    fixed.height = fixed.width = size
    text_format.Parse(
        f"{extractor} conv_hyperparams {{ batch_norm {{ scale: true }} }}"
        if "type" in extractor
        else extractor,
        _cleared(ssd.feature_extractor),
    )
    text_format.Parse(
        f"num_layers: {maps} aspect_ratios: [1, 2, 0.5, 3, 0.3333]",
        _cleared(ssd.anchor_generator.ssd_anchor_generator),
    )
    return build(ssd)


def _cleared(message):
    message.Clear()
    return message


def _symbolic_maps(detector, size):
    image = keras.Input((size, size, 3))
    return detector.parts["neck"](detector.parts["backbone"](image))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in DEEP else ()) for n in STUDY],
)
def test_levels_of_full_depth(name):
    """Nothing is computed: the shapes are those of the symbolic maps."""
    at_300, at_600, base, appended = STUDY[name]
    detector = _detector(f'type: "{name}"', len(at_300), 300)
    maps = _symbolic_maps(detector, 300)
    assert [m.shape[1] for m in maps.values()] == at_300
    assert [m.shape[-1] for m in maps.values()] == base + appended
    maps = _symbolic_maps(detector, 600)
    assert [m.shape[1:3] for m in maps.values()] == [(n, n) for n in at_600]
    # The head has one box predictor for each map: 3 and then 6 anchors a cell.
    assert detector.stage.anchors.per_location == [3] + [6] * (len(at_300) - 1)
    paths = [v.path for part in detector.parts.values() for v in part.variables]
    assert len(set(paths)) == len(paths)


def test_resnet_at_stride_8():
    """The study's atrous SSD: every map is twice as fine."""
    detector = _detector(
        "backbone { resnet { depth_multiplier: 0.125 output_stride: 8 "
        'last_stage: "C4" } } neck { ssd_feature_maps { levels: "C4" '
        "extra_depths: [512, 512, 256, 256, 128] } }",
        6,
        300,
    )
    sizes = [m.shape[1] for m in _symbolic_maps(detector, 300).values()]
    assert sizes == [38, 19, 10, 5, 3, 2]


def test_narrow_vgg_predicts_for_every_anchor_and_trains_every_variable():
    """3 * 38^2 + 6 * (19^2 + 10^2 + 5^2 + 3^2 + 2^2 + 1) = 7,332 anchors.

    Had the first map 6 anchors too, they would be 11,664.
    """
    detector = _detector('type: "ssd_vgg16" depth_multiplier: 0.0625', 7, 300)
    images = np.random.default_rng(0).uniform(0, 255, (1, 300, 300, 3))
    with tf.GradientTape() as tape:
        out = detector.call(
            tf.constant(images, tf.float32), tf.constant([[300, 300]]), training=True
        )
        loss = tf.reduce_sum(out.class_logits**2) + tf.reduce_sum(out.box_codes**2)
    assert out.class_logits.shape == (1, 7332, 6)
    assert out.box_codes.shape == (1, 7332, 1, 4)
    variables = [
        v for part in detector.parts.values() for v in part.trainable_variables
    ]
    gradients = tape.gradient(loss, [v.value for v in variables])
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
