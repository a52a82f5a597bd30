"""Stacked hourglasses: down to coarse maps and up again, several times."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.upsampling import UpsampleLike
from od_api.protos import backbone_pb2

# Law and Deng, CornerNet, section 4.1: from the finest resolution to the coarsest.
DEPTHS = (256, 256, 384, 384, 384, 512)
BLOCKS = (2, 2, 2, 2, 2, 4)
STRIDE = 4
# Each stack but the last is 52 layers deep, with its way into the next.
MOST_STACKS = 16
BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}


@register(backbone_pb2.Hourglass)
class Hourglass(StagedNetwork):
    """Hourglass networks in a row, each with a map of stride 4 for a head.

    A convolution and a residual block of stride 2, then in each stack: down by residual
    blocks of stride 2, up by nearest neighbour, with residual blocks on the way across
    at each resolution, and a 3x3 convolution that makes the stack's map. Sizes are
    halved upwards. Two stacks are Hourglass-104, one is Hourglass-52. Source: Newell et
    al., Stacked Hourglass Networks, ECCV 2016, as CornerNet (Law and Deng, ECCV 2018)
    has them.

    Args:
      num_stacks: hourglasses in a row; their levels are stack_1, stack_2, ..., all of
        stride 4.
      depths: channels at each resolution, finest first; one more than there are
        halvings. None: 256, 256, 384, 384, 384, 512.
      blocks: residual blocks at each resolution, as many as depths. None: 2, 2, 2, 2,
        2, 4.
      stem_depth: channels of the first convolution.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces these settings
        (batch-norm decay .9 and epsilon 1e-5, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        num_stacks=2,
        depths=(),
        blocks=(),
        stem_depth=128,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__(name="hourglass")
        depths, blocks = tuple(depths) or DEPTHS, tuple(blocks) or BLOCKS
        ranges.at_least("num_stacks", num_stacks, 1, MOST_STACKS)
        ranges.at_least("depths", depths, 1, ranges.MOST_CHANNELS)
        ranges.at_least("blocks", blocks, 1, ranges.MOST_LAYERS)
        ranges.at_least("stem_depth", stem_depth, 1, ranges.MOST_CHANNELS)
        if len(depths) != len(blocks) or len(depths) < 2:
            raise ValueError(
                f"depths and blocks have one number for each of 2 or more resolutions, "
                f"not {len(depths)} and {len(blocks)}"
            )
        network = keras_network.rebuild(
            _network(num_stacks, stem_depth, list(zip(depths, blocks, strict=True))),
            name=self.name,
            edit=lambda layer, config: keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            ),
        )
        levels = [f"stack_{n}" for n in range(1, num_stacks + 1)]
        self._read_stages(network, {n: (f"{n}_out_relu", STRIDE) for n in levels})
        self._load_initial(weights, _no_donor)


def _no_donor():
    raise ValueError("Keras does not have hourglass networks.")


def _network(num_stacks, stem_depth, resolutions):
    """The functional model; `resolutions` are (depth, blocks), finest first."""
    depth = resolutions[0][0]
    images = keras.Input([None, None, 3])
    x = _relu(_conv(images, stem_depth, 7, "stem", strides=2), "stem")
    x = _residual(x, depth, "stem_residual", strides=2)
    for n in range(1, num_stacks + 1):
        name = f"stack_{n}"
        made = _hourglass(x, resolutions, name)
        made = _relu(_conv(made, depth, 3, f"{name}_out"), f"{name}_out")
        if n == num_stacks:
            return keras.Model(images, made, name="hourglass")
        ways = [_conv(x, depth, 1, f"{name}_from"), _conv(made, depth, 1, f"{name}_to")]
        x = _relu(keras.layers.Add(name=f"{name}_add")(ways), f"{name}_add")
        x = _residual(x, depth, f"{name}_next")


def _hourglass(x, resolutions, name):
    """Across at this resolution, and through the coarser ones; both added."""
    (depth, blocks), *coarser = resolutions
    across = x
    for i in range(blocks):
        across = _residual(across, depth, f"{name}_across_{i}")
    below = x
    for i in range(blocks):
        below = _residual(below, coarser[0][0], f"{name}_down_{i}", 1 if i else 2)
    if len(coarser) > 1:
        below = _hourglass(below, coarser, f"{name}_in")
    else:
        for i in range(coarser[0][1]):
            below = _residual(below, coarser[0][0], f"{name}_inmost_{i}")
    for i in range(blocks):
        to = depth if i == blocks - 1 else coarser[0][0]
        below = _residual(below, to, f"{name}_up_{i}")
    below = UpsampleLike(name=f"{name}_double")([below, across])
    return keras.layers.Add(name=f"{name}_sum")([across, below])


def _residual(x, depth, name, strides=1):
    """Two 3x3 convolutions beside the map itself, or beside a 1x1 one of it."""
    made = _relu(_conv(x, depth, 3, f"{name}_a", strides), f"{name}_a")
    made = _conv(made, depth, 3, f"{name}_b")
    if strides > 1 or x.shape[-1] != depth:
        if strides > 1:
            # A 1x1 convolution of stride 2 in two steps: of few channels, oneDNN (in
            # TensorFlow 2.21) writes outside its memory in the gradient of one.
            x = keras.layers.MaxPooling2D(1, strides, "same", name=f"{name}_pick")(x)
        x = _conv(x, depth, 1, f"{name}_skip")
    return _relu(keras.layers.Add(name=f"{name}_add")([made, x]), name)


def _conv(x, depth, size, name, strides=1):
    x = keras.layers.Conv2D(
        depth,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return keras.layers.BatchNormalization(**BATCH_NORM, name=f"{name}_norm")(x)


def _relu(x, name):
    return keras.layers.Activation("relu", name=f"{name}_relu")(x)
