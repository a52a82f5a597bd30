"""Necks that stand above another neck."""

from od_api.core.errors import ConfigError
from od_api.layers.map_source import MapSource


class NeckAbove(MapSource):
    """Changes the maps of another neck; names and strides stay.

    A subclass says in `changed` how, in `build_above` with which variables, and in
    `made_of` what it cannot work on.

    Args:
      name: of the layer.
      neck: the other one.
    """

    def __init__(self, name, neck):
        super().__init__(name=name)
        if neck is None:
            raise ConfigError("is not set: give the neck whose maps it takes", "neck")
        self.neck = neck

    @property
    def auxiliary(self):
        """The other neck's."""
        return self.neck.auxiliary

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of the other neck's maps, changed.

        Raises:
          ValueError: maps that this or the other neck cannot work on.
        """
        self.neck.follow(maps)
        return self.made_of(self.neck.specs)

    def made_of(self, maps):
        """MapSpecs of the other neck -> MapSpecs of what is made of it."""
        return maps

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        self.neck.build(feature_shapes)
        self.build_above(self.neck.specs)

    def build_above(self, maps):
        """Creates this neck's own variables, for maps of those MapSpecs."""
        raise NotImplementedError(type(self).__name__)

    def changed(self, maps):
        """{level: [B, h, w, C]} -> those of them that change."""
        raise NotImplementedError(type(self).__name__)

    def call(self, features, training=False, auxiliary=False):
        """{stage: [B, h, w, C]} -> {level: [B, h, w, C]}, finest first.

        With `auxiliary` the other neck's auxiliary maps follow.
        """
        more = {"auxiliary": True} if auxiliary else {}
        made = self.neck(features, training=training, **more)
        return {**made, **self.changed({level: made[level] for level in self.levels})}
