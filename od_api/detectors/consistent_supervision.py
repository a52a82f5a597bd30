"""A stage of regions for training alone, on the maps that a neck's sums are made of."""

import copy

import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.detectors.stage import StageNames
from od_api.protos import faster_rcnn_pb2


@register(faster_rcnn_pb2.ConsistentSupervision)
class ConsistentSupervision:
    """Looks at every sampled region on each of a neck's lateral maps, in training.

    One head, with weights of its own, serves all maps, so that they learn to say alike
    what a region is before the neck adds them up. The losses are those of the first
    stage of regions, averaged over all samples of all maps; detections know nothing of
    them. Source: Guo et al., AugFPN, CVPR 2020, section 3.2.

    Args:
      loss_weight: of all its losses, lambda in the paper.
      levels: names of the maps, finest first; empty: all that the neck hands out.
      auxiliary: MapSpecs of those.
      make_stage: (MapSpecs of one map, StageNames) -> a RegionStage.

    Attributes:
      levels: names of the maps.
      stage: the RegionStage, which reads them one at a time.
    """

    def __init__(self, *, auxiliary, make_stage, loss_weight=0.25, levels=()):
        ranges.at_least("loss_weight", loss_weight, 0)
        maps = _read(auxiliary, levels)
        self.levels = maps.levels
        self.stage = make_stage(
            maps.only(maps.levels[:1]),
            StageNames("ConsistentSupervisionLoss/", weight=loss_weight),
        )

    def predict(self, maps, image_shape, true_shapes, priors, training=False):
        """{level: map}, Priors [B, P, 4] -> a tuple of Predictions, one a level."""
        shapes = (image_shape, true_shapes)
        return tuple(
            self.stage.predict({level: maps[level]}, *shapes, priors, training)
            for level in self.levels
        )

    def losses(self, predictions, targets):
        """{name: float32 scalar}, the means over the levels."""
        found = [self.stage.losses(one, targets) for one in predictions]
        return {
            name: tf.add_n([losses[name] for losses in found]) / len(found)
            for name in (found[0] if found else ())
        }

    def static(self):
        """The same with a region operator of static shapes."""
        other = copy.copy(self)
        other.stage = self.stage.static()
        return other


def _read(auxiliary, levels):
    """MapSpecs of the levels, in that order; ConfigError where they do not fit."""
    if not auxiliary.levels:
        raise ConfigError(
            "trains lateral maps, and there is no neck that hands out any: use "
            "top_down_fpn or fpn, or leave it out"
        )
    for i, level in enumerate(levels):
        problem = None
        if level not in auxiliary.levels:
            problem = f"hands out no {level!r}, but {', '.join(auxiliary.levels)}"
        elif level in levels[:i]:
            problem = f"has one {level}, and it is named twice"
        if problem:
            raise ConfigError(f"the neck {problem}", f"levels[{i}]")
    maps = auxiliary.only(levels or auxiliary.levels)
    if len(set(maps.channels.values())) > 1:
        raise ConfigError(
            "regions of all maps go through one head, and the maps' channels differ: "
            f"{maps.channels}; name maps of equal depth",
            "levels",
        )
    return maps
