"""What tests of necks share: toy stages, values, detectors."""

import numpy as np
import tensorflow as tf
import tiny
import tiny_two_stage
from google.protobuf import text_format
from numpy_maps import convolved

from od_api.core.registry import build, build_field
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2, pipeline_pb2

SIZE = 96
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
RESNET = MapSpecs(STRIDES, {"C2": 256, "C3": 512, "C4": 1024, "C5": 2048})
TOY = MapSpecs(STRIDES, {"C2": 2, "C3": 3, "C4": 4, "C5": 5})
MOBILENET = "backbone { mobilenet_v1 { depth_multiplier: 0.25 } }"


def built(text, stages=TOY):
    """The neck of a line of config, e.g. "fpn {}", above stages, with its variables."""
    neck = build(text_format.Parse(text, neck_pb2.Neck()))
    neck.follow(stages)
    neck.build(stages.shapes)
    return neck


def trained(neck):
    """How many numbers of it are trained."""
    return sum(int(np.prod(v.shape)) for v in neck.trainable_variables)


def with_random_weights(neck):
    """The same, its variables, biases too, drawn."""
    rng = np.random.default_rng(1)
    for variable in neck.variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    return neck


def features(size, stages=TOY):
    """{stage: float32 [1, h, w, C]} of an image of so many pixels a side."""
    rng = np.random.default_rng(2)
    made = {}
    for name, stride in stages.strides.items():
        side = -(-size // stride)
        shape = (1, side, side, stages.channels[name])
        made[name] = rng.normal(size=shape).astype(np.float32)
    return made


def check_gradients(neck, stages=TOY, size=75):
    """In a graph of unknown, odd sizes every variable gets a finite one; sizes fit."""
    spec = {n: tf.TensorSpec([None, None, None, c]) for n, c in stages.channels.items()}

    @tf.function(input_signature=[spec])
    def run(given):
        with tf.GradientTape() as tape:
            maps = neck(given, training=True)
            loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
        return maps, tape.gradient(loss, [v.value for v in neck.trainable_variables])

    maps, gradients = run(features(size, stages))
    assert set(maps) == set(neck.levels)
    for level, x in maps.items():
        side = -(-size // neck.strides[level])
        assert x.shape == (1, side, side, neck.channels[level]), level
    assert all(g is not None and np.isfinite(g).all() for g in gradients)
    paths = [v.path for v in neck.variables]
    assert len(set(paths)) == len(paths)


def laterals(neck, given):
    """{level: [h, w, C]} of a pyramid's first convolutions."""
    return {
        level: convolved(given[f"C{level[1:]}"][0], layer)
        for level, layer in neck._lateral.items()
    }


def check_maps(made, expected):
    """{level: [1, h, w, C]} are {level: [h, w, C]}."""
    assert list(made) == list(expected)
    for level, x in expected.items():
        np.testing.assert_allclose(made[level][0], x, rtol=1e-3, atol=1e-4)


def in_ssd(text):
    """A neck of four levels in an SSD, which finds finite boxes."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG, config)
    extractor = config.model.ssd.feature_extractor
    extractor.Clear()
    text_format.Merge(f"{MOBILENET} neck {{ {text} }}", extractor)
    _detect(config)


def in_faster_rcnn(text, levels):
    """A neck of levels (first, last) in a Faster R-CNN, which finds finite boxes."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS["faster_rcnn"], config)
    extractor = config.model.faster_rcnn.feature_extractor
    extractor.Clear()
    text_format.Merge(f"{MOBILENET} neck {{ {text} }}", extractor)
    anchors = f"min_level: {levels[0]} max_level: {levels[1]} anchor_scale: 4"
    text_format.Merge(
        f"first_stage_anchor_generator {{ multiscale_anchor_generator {{ {anchors} "
        "aspect_ratios: 1.0 scales_per_octave: 1 } }",
        config.model.faster_rcnn,
    )
    _detect(config)


def _detect(config):
    detector = build_field(config, "model")
    images = 255 * tf.random.stateless_uniform([1, SIZE, SIZE, 3], (1, 2))
    made = detector.call(images, tf.constant([[SIZE, SIZE]]), training=False)
    assert np.isfinite(detector.detect(made).boxes).all()
