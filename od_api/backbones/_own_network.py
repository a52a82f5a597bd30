"""Networks of our own tables: convolutions with batch norm, and what their parts share.

Keras' applications have none of these networks.
"""

import functools
from typing import NamedTuple

import keras

from od_api.backbones._mobile_blocks import nearest_8, no_donor
from od_api.backbones._stages import StagedNetwork
from od_api.backbones.region_aware import read_by_region
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier


class OwnNetwork(StagedNetwork):
    """A backbone whose network a table describes; its kernels start as He's are.

    Attributes:
      regional: endings of the names of the convolutions that `region_aware` replaces.
    """

    regional = ()

    def _take(
        self,
        made,
        stages,
        *,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
        region_aware=None,
    ):
        """Takes a functional model, edited as the fields of the same names say.

        Args:
          made: the functional model, as its table has it.
          stages: {level: (name of the layer that ends it, stride)}, finest first.
        """
        edit = functools.partial(
            keras_network.apply_settings,
            hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )
        if region_aware is not None:
            names = [x.name for x in made.layers if x.name.endswith(self.regional)]
            edit = region_aware.replacing(edit, names)
        network = keras_network.rebuild(made, name=self.name, edit=edit)
        self._read_stages(
            network,
            stages,
            second_stage_after="C4" if second_stage else None,
            optional=read_by_region(network),
        )
        self._load_initial(weights, no_donor)


class Blocks(NamedTuple):
    """Makes named convolutions with batch norm, alike in what is said here.

    Attributes:
      multiplier: factor of the table's depths.
      min_depth: that it leaves at least.
      activation: a Keras name, or a number: the slope below zero of leaky ReLU.
      epsilon, decay: of batch norm.
    """

    multiplier: float = 1.0
    min_depth: int = 8
    activation: str | float = "relu"
    epsilon: float = 1e-5
    decay: float = 0.9

    def depth(self, depth):
        """A depth of the table, multiplied: as it is, or a multiple of 8."""
        if self.multiplier != 1:
            depth = nearest_8(depth * self.multiplier)
        return max(depth, self.min_depth)

    def conv(self, x, depth, kernel, name, *, activation=True, **sizes):
        """A convolution without bias, batch norm, the activation.

        Args:
          x: a symbolic map.
          depth: channels, not multiplied.
          kernel: its side.
          name: of the layer; "_norm" and "_activation" are added for what follows.
          activation: whether there is one.
          **sizes: strides, dilation_rate, groups; padding, if it is not "same".
        """
        x = keras.layers.Conv2D(
            depth,
            kernel,
            padding=sizes.pop("padding", "same"),
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
            **sizes,
        )(x)
        return self.norm(x, name, activation=activation)

    def depthwise(self, x, kernel, name, *, activation=True, **sizes):
        """`conv` of each channel on its own; strides, dilation_rate, padding."""
        # He's for the one channel that each output sees; Keras' own counts all.
        initializer = keras.initializers.VarianceScaling(
            2.0 * x.shape[-1], mode="fan_in"
        )
        x = keras.layers.DepthwiseConv2D(
            kernel,
            padding=sizes.pop("padding", "same"),
            use_bias=False,
            depthwise_initializer=initializer,
            name=name,
            **sizes,
        )(x)
        return self.norm(x, name, activation=activation)

    def norm(self, x, name, *, activation=True):
        """Batch norm and the activation."""
        x = keras.layers.BatchNormalization(
            momentum=self.decay, epsilon=self.epsilon, name=f"{name}_norm"
        )(x)
        return self.activate(x, f"{name}_activation") if activation else x

    def activate(self, x, name):
        """The activation."""
        if isinstance(self.activation, str):
            return keras.layers.Activation(self.activation, name=name)(x)
        return keras.layers.LeakyReLU(self.activation, name=name)(x)

    def squeeze(self, x, name, share=1 / 16):
        """x times a weight of each channel, of their means (Hu et al., CVPR 2018)."""
        channels = x.shape[-1]
        means = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(
            x
        )
        hidden = keras.layers.Conv2D(
            max(int(channels * share), 1),
            1,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"{name}_reduce",
        )(means)
        weights = keras.layers.Conv2D(
            channels, 1, activation="sigmoid", name=f"{name}_weigh"
        )(hidden)
        return keras.layers.Multiply(name=f"{name}_times")([x, weights])


def blocks_of(depth_multiplier, min_depth, **settings):
    """Blocks of the two fields, which are checked."""
    return Blocks(
        checked_multiplier(depth_multiplier, min_depth), min_depth, **settings
    )
