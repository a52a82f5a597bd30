"""What backbones and necks have in common: they make named maps of known size."""

import keras

from od_api.core.errors import UserError
from od_api.core.types import MapSpecs


class MapSource(keras.layers.Layer):
    """Makes {level: map}, finest first.

    A neck says in `maps_of` what it makes of the maps below it; a backbone sets
    `strides` and `channels` itself.

    Attributes:
      strides: {level: input pixels a cell}.
      channels: {level: depth}.
      second_stage: None, or a layer that goes on from the last map on crops of it.
      branches: None, or the Branches that every image has a row of the maps of.
    """

    second_stage = None
    branches = None

    @property
    def levels(self):
        """Names of the maps, finest first."""
        return tuple(self.strides)

    @property
    def specs(self):
        """MapSpecs of what it makes."""
        return MapSpecs(strides=dict(self.strides), channels=dict(self.channels))

    @property
    def auxiliary(self):
        """MapSpecs of further maps that it is able to hand out, for training alone.

        A call with `auxiliary=True` returns these, too; one that has none takes no such
        argument.
        """
        return MapSpecs(strides={}, channels={})

    def follow(self, maps):
        """Takes its place above maps (MapSpecs): sets `strides` and `channels`.

        Raises:
          ValueError: maps that it cannot work on.
        """
        made = self.maps_of(maps)
        self.strides, self.channels = dict(made.strides), dict(made.channels)

    def maps_of(self, maps):
        """MapSpecs of the maps below -> MapSpecs of what is made of them."""
        raise NotImplementedError(f"{type(self).__name__} stands above no maps")

    def load_weights(self, path):
        """Takes the weights of a file.

        Raises:
          UserError: nobody publishes weights of this part alone.
        """
        raise UserError(f"{path}: {self.name} has no weights of its own in files")
