"""What tests of backbones share: toys of them, their maps, and detectors over them."""

import numpy as np
import tensorflow as tf
import tiny
import tiny_two_stage
from google.protobuf import text_format

from od_api.core.registry import build, build_field
from od_api.protos import backbone_pb2, pipeline_pb2

SIZE = 96


def built(text):
    """The backbone of a line of config, e.g. "darknet { depth: 19 }"."""
    return build(text_format.Parse(text, backbone_pb2.Backbone()))


def sizes(backbone, size):
    """Cells a side of each map of square images."""
    shapes = backbone.network.compute_output_shape((1, size, size, 3))
    shapes = shapes if isinstance(shapes, list | tuple) else [shapes]
    shapes = [shapes] if isinstance(shapes[0], int | None) else shapes
    return [shape[1] for shape in shapes]


def trained(part):
    """How many numbers of a network are trained."""
    return sum(int(np.prod(v.shape)) for v in part.trainable_variables)


class OneCell:
    """A network's convolutions on a map of one cell: products with the centre tap.

    Args:
      network: a functional model.
      activation: NumPy's form of what follows batch norm.
    """

    def __init__(self, network, activation):
        self._network, self._activation = network, activation

    def conv(self, x, name, activation=True, groups=1):
        """[C] -> [D], with batch norm and the activation."""
        return self.norm(self.product(x, name, groups), name, activation)

    def product(self, x, name, groups=1):
        """[C] -> [D]: the convolution alone."""
        kernel = self.kernel(name)
        side = kernel.shape[0] // 2
        taps = np.split(kernel[side, side], groups, axis=-1)
        parts = np.split(x, groups)
        return np.concatenate([x @ k for x, k in zip(parts, taps, strict=True)])

    def depthwise(self, x, name, activation=True):
        """[C] -> [C], of a depthwise convolution."""
        kernel = self.kernel(name)
        side = kernel.shape[0] // 2
        return self.norm(x * kernel[side, side, :, 0], name, activation)

    def kernel(self, name):
        """A layer's kernel."""
        return self._network.get_layer(name).get_weights()[0]

    def norm(self, x, name, activation=True):
        """Batch norm by its moving averages, and the activation."""
        layer = self._network.get_layer(f"{name}_norm")
        scale, offset, mean, variance = layer.get_weights()
        x = (x - mean) / np.sqrt(variance + layer.epsilon) * scale + offset
        return self._activation(x) if activation else x


def check_gradients(backbone, size=33):
    """Every variable gets a finite one from a loss of all maps, of odd sizes too."""
    with tf.GradientTape() as tape:
        maps = backbone(tf.random.normal([2, size, size, 3]), training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    for level, m in maps.items():
        assert m.shape[1] == -(-size // backbone.strides[level]), level
        assert m.shape[-1] == backbone.channels[level], level
    gradients = tape.gradient(loss, [v.value for v in backbone.trainable_variables])
    assert all(g is not None and np.isfinite(g).all() for g in gradients)


def check_one_cell(backbone, image, expected):
    """The last map of an image of one pixel, [3], is as expected, [C]."""
    maps = backbone(np.asarray(image, np.float32)[None, None, None])
    made = list(maps.values())[-1].numpy()
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=2e-3, atol=1e-5)


def check_names(backbone):
    """Each variable is found by a path of its own."""
    paths = [v.path for v in backbone.variables]
    assert len(set(paths)) == len(paths)


def in_ssd(text, levels=("C4", "C5")):
    """The backbone of a line of config, in an SSD that finds finite boxes."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG, config)
    extractor = config.model.ssd.feature_extractor
    extractor.Clear()
    quoted = ", ".join(f'"{level}"' for level in levels)
    depths = ", ".join(["16"] * (4 - len(levels)))
    text_format.Merge(
        f"backbone {{ {text} }} neck {{ ssd_feature_maps {{ levels: [{quoted}] "
        f"extra_depths: [{depths}] }} }}",
        extractor,
    )
    detector, predictions = _called(config)
    assert np.isfinite(detector.detect(predictions).boxes).all()
    return detector.parts["backbone"]


def check_faster_rcnn(text, edit=""):
    """Faster R-CNN whose second stage is the rest of a backbone, or as `edit` says."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS["faster_rcnn"], config)
    extractor = config.model.faster_rcnn.feature_extractor
    extractor.Clear()
    text_format.Merge(f"backbone {{ {text} }}", extractor)
    text_format.Merge(edit, config.model.faster_rcnn)
    detector, predictions = _called(config)
    assert np.isfinite(detector.detect(predictions).boxes).all()


def _called(config):
    """A detector and its predictions on noise."""
    detector = build_field(config, "model")
    images = 255 * tf.random.stateless_uniform([1, SIZE, SIZE, 3], (1, 2))
    shapes = tf.constant([[SIZE, SIZE]])
    return detector, detector.call(images, shapes, training=False)
