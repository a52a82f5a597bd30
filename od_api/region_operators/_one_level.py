"""What operators share that read every region from one map."""

import copy

import tensorflow as tf

from od_api.core.types import prior_boxes
from od_api.layers.position_sensitive_crop import position_sensitive_crop
from od_api.region_operators.level_by_count import LevelByCount


class OneLevel:
    """Reads every region from the map that a rule gives it.

    A subclass has `crop(feature_map, boxes, image_shape, size)`: [B, h, w, C],
    [B, P, 4], (H, W), (ch, cw) -> [B, P, ch, cw, C]; where `is_static`, in a form with
    static shapes that XLA compiles.

    Args:
      level_rule: (boxes, strides) -> [B, P] int32, the position of the map that each
        box is read from. One map alone is read as it is.

    Attributes:
      layer: None: it has no weights.
    """

    layer = None

    def __init__(self, *, level_rule=None):
        self.level_rule = level_rule or LevelByCount()
        self.is_static = False
        self._strides = None

    def build(self, maps):
        """Takes note of the maps (MapSpecs) that regions will be read from."""
        self._strides = tuple(maps.strides.values())

    def of_one_map(self):
        """What reads one map, as this reads several; itself."""
        return self

    def static(self):
        """The same operator in the form that XLA compiles."""
        other = copy.copy(self)
        other.is_static = True
        return other

    def __call__(self, maps, priors, image_shape, size):
        """What the maps have at each region.

        Args:
          maps: {level: [B, h, w, C]}, finest first.
          priors: Priors or boxes [B, P, 4], in pixels of the padded input.
          image_shape: (H, W) of the padded input.
          size: (ch, cw), ints.

        Returns:
          [B, P, ch, cw, C] of the maps' type.
        """
        boxes = prior_boxes(priors)
        crops = [self.crop(x, boxes, image_shape, size) for x in maps.values()]
        if len(crops) == 1:
            return crops[0]
        strides = self._strides or [None] * len(crops)
        levels = self.level_rule(boxes, strides)[..., None, None, None]
        return tf.add_n(
            [tf.where(levels == i, x, tf.zeros_like(x)) for i, x in enumerate(crops)]
        )

    def position_sensitive(
        self, score_maps, boxes, image_shape, crop_size, bins, global_pool=True
    ):
        """Each bin of a box from a group of channels of its own, averaged.

        Args:
          score_maps: [B, h, w, bh * bw * D], one map.
          boxes: [B, P, 4].
          image_shape: (H, W) of the padded input.
          crop_size: (ch, cw) of a whole box, multiples of the bins.
          bins: (bh, bw).
          global_pool: whether the bins are averaged, too.

        Returns:
          [B, P, D] if global_pool, else [B, P, bh, bw, D].
        """
        return position_sensitive_crop(
            score_maps, boxes, image_shape, crop_size, bins, global_pool, self.crop
        )
