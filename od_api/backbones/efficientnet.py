"""EfficientNet B0 to B7 (Tan and Le, ICML 2019)."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.dropout import Dropout
from od_api.layers.imagenet_means import less_means_by_deviations
from od_api.protos import backbone_pb2

# The block of Keras' network that ends each stage, and its stride; blocks have as many
# repetitions as the version says.
BLOCKS = {"C2": (2, 4), "C3": (3, 8), "C4": (5, 16), "C5": (7, 32)}
TOP = "top_activation"

LAST_VERSION = 7

# At the end of the network; at a block, in proportion to how many come before it.
KERAS_DROP_CONNECT_RATE = 0.2


@register(backbone_pb2.Efficientnet)
class Efficientnet(StagedNetwork):
    """keras.applications' EfficientNet with "same" padding and named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10). Keras' weights fit,
    and for sizes whose maps are all even the function is the same. What Keras does to
    the image inside the network, `normalize` does here.

    Args:
      version: 0 to 7, for B0 to B7.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon .001, no regulariser, swish).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      drop_connect_rate: probability at which training leaves out the last block of an
        image; it grows from 0 at the first.
      top: the last convolution is stage C5_top.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        version=0,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        drop_connect_rate=0.2,
        top=False,
        second_stage=False,
    ):
        super().__init__(name=f"efficientnet_b{version}")
        ranges.between("version", version, 0, LAST_VERSION)
        rate = ranges.below("drop_connect_rate", drop_connect_rate, 1)

        def edit(layer, config):
            other = _of_image(layer) or _dropout(layer, rate)
            return other or keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        network = keras_network.rebuild(
            _keras_model(version, None, (None, None, 3)),
            name=self.name,
            edit=edit,
            same_padding=True,
        )
        self._read_stages(
            network,
            _stages_of(network, top),
            second_stage_after="C4" if second_stage else None,
        )
        self._load_initial(
            weights, lambda: _keras_model(version, "imagenet", (224, 224, 3))
        )

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> less ImageNet's means, by its deviations."""
        return less_means_by_deviations(images)


def _keras_model(version, weights, input_shape):
    make = getattr(keras.applications, f"EfficientNetB{version}")
    return make(include_top=False, weights=weights, input_shape=input_shape)


def _of_image(layer):
    """What takes the place of the layers that normalise the image: nothing."""
    if isinstance(layer, keras.layers.Normalization | keras.layers.Rescaling):
        return keras.layers.Identity(name=layer.name)
    return None


def _dropout(layer, last_rate):
    """Stochastic depth whose random state has a stable name, or None."""
    if not isinstance(layer, keras.layers.Dropout):
        return None
    rate = layer.rate / KERAS_DROP_CONNECT_RATE * last_rate
    return Dropout(rate, name=layer.name, whole_rows=True)


def _stages_of(network, top):
    """{level: (the layer that ends it, stride)}."""
    stages = {
        level: (_last_of_block(network, block), stride)
        for level, (block, stride) in BLOCKS.items()
    }
    return {**stages, "C5_top": (TOP, 32)} if top else stages


def _last_of_block(network, block):
    names = [layer.name for layer in network.layers]
    return [name for name in names if name.startswith(f"block{block}")][-1]
