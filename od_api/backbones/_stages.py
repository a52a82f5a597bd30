"""What every backbone is: a functional network that is read at named stages."""

import functools

import keras
import tensorflow as tf

from od_api.layers import keras_network, keras_weights
from od_api.layers.map_source import MapSource


class StagedNetwork(MapSource):
    """A classification network that returns the maps at which its stages end.

    A backbone builds its `keras.Model` and hands it to `_read_stages`.

    Attributes:
      levels: names of the stages, finest first.
      strides: {level: input pixels a cell}.
      channels: {level: depth}.
      network: the `keras.Model` inside.
      second_stage: None, or the `keras.Model` of the rest, which runs on crops of the
        last level.
    """

    def _read_stages(
        self, network, stages, *, second_stage_after=None, optional=(), in_order=False
    ):
        """Takes the network to its last stage, and perhaps what follows as another.

        Args:
          network: a functional model.
          stages: {level: (name of the layer that ends it, stride)}, finest first.
          second_stage_after: the last level; what follows is the second stage. None
            has all levels and no second stage.
          optional, in_order: how weights fit, see `keras_weights.load_file`.
        """
        levels = list(stages)
        whole = keras_network.stages(network, [stages[n][0] for n in levels])
        # Bound here, so that Keras does not count the whole network as another part.
        fit = {"optional": optional, "in_order": in_order}
        self._load = functools.partial(keras_weights.load_file, whole, **fit)
        self._start = functools.partial(keras_weights.load_initial, whole, **fit)
        first, rest = whole, None
        if second_stage_after is not None:
            levels = levels[: levels.index(second_stage_after) + 1]
            ends = [stages[level][0] for level in levels]
            first, rest = keras_network.split(whole, ends[-1], ends)
        self.network, self.second_stage = first, rest
        self.strides = {level: stages[level][1] for level in levels}
        depths = [x.shape[-1] for x in first.outputs]
        self.channels = dict(zip(levels, depths, strict=True))

    def _load_initial(self, weights, donor):
        """What the field `weights` asks for; see `keras_weights.load_initial`."""
        self._start(weights, donor)

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> the same in -1..1, float32."""
        return tf.cast(images, tf.float32) * (2.0 / 255.0) - 1.0

    def call(self, images, training=False):
        """[B, H, W, 3] normalised -> {level: [B, h, w, C]}, finest first."""
        # Keras returns the output of a single stage without its list.
        maps = keras.tree.flatten(self.network(images, training=training))
        return dict(zip(self.levels, maps, strict=True))

    def load_weights(self, path):
        """Takes the weights of a file; see `keras_weights.load_file`."""
        self._load(path)
