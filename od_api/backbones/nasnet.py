"""NASNet-A, large and mobile (Zoph et al., CVPR 2018)."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.channel_layers import ChannelPart
from od_api.layers.next_cells import NextCells
from od_api.protos import backbone_pb2

# Cells of each of the three stages of normal cells, and the side of Keras' images.
CELLS = {"large": 6, "mobile": 4}
SIDES = {"large": 331, "mobile": 224}
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@register(backbone_pb2.Nasnet)
class Nasnet(StagedNetwork):
    """keras.applications' NASNet with "same" padding and named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10). Keras' weights fit;
    its pools see zeros at the border, and those here, like the authors', do not. A cell
    reads the two before it: where the network is cut, C4 is both maps side by side, and
    the second stage parts them, as the old API's did.

    Args:
      size: "large" or "mobile".
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .9997 and epsilon .001, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        size="large",
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"nasnet_{size}")
        if size not in CELLS:
            raise ranges.RangeError(
                "size", f"size is {size!r}, and must be large or mobile"
            )

        def edit(layer, config):
            if isinstance(layer, keras.layers.Cropping2D):
                return NextCells(name=layer.name)
            return keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        original = _keras_model(size, None)
        keras_network.number_layers(original)
        network = keras_network.rebuild(
            original, name=self.name, edit=edit, same_padding=True, any_size=True
        )
        stages = _stages_of(network, CELLS[size])
        self._read_stages(network, stages)
        if second_stage:
            self._cut(network, stages, CELLS[size])
        self._load_initial(weights, lambda: _keras_model(size, "imagenet"))

    def _cut(self, network, stages, cells):
        """Ends the network at C4: the maps of the last two cells, side by side."""
        last = [
            network.get_layer(f"normal_concat_{n}").output
            for n in (2 * cells - 1, 2 * cells)
        ]
        both = keras.layers.Concatenate(name="C4_both")(last)
        fine = [network.get_layer(stages[n][0]).output for n in ("C2", "C3")]
        self.network = keras.Model(network.inputs, [*fine, both], name=self.name)
        self.strides = {level: STRIDES[level] for level in ("C2", "C3", "C4")}
        depths = [x.shape[-1] for x in self.network.outputs]
        self.channels = dict(zip(self.strides, depths, strict=True))
        rest = keras.Model(last, network.outputs[-1], name=f"{self.name}_rest")
        crops = keras.Input([None, None, depths[-1]])
        first = last[0].shape[-1]
        parts = [
            ChannelPart(0, first, name="before_last")(crops),
            ChannelPart(first, None, name="last")(crops),
        ]
        self.second_stage = keras.Model(
            crops, rest(parts), name=f"{self.name}_second_stage"
        )


def _keras_model(size, weights):
    make = getattr(keras.applications, f"NASNet{size.capitalize()}")
    side = SIDES[size]
    return make(input_shape=(side, side, 3), include_top=False, weights=weights)


def _stages_of(network, cells):
    """{level: (the layer that ends it, stride)}."""
    ends = {
        "C2": "reduction_concat_stem_1",
        "C3": f"normal_concat_{cells - 1}",
        "C4": f"normal_concat_{2 * cells}",
        "C5": network.layers[-1].name,
    }
    return {level: (name, STRIDES[level]) for level, name in ends.items()}
