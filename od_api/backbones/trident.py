"""Branches of a backbone's stage that share their weights and differ in dilation."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.core.types import Branches
from od_api.layers.branched_conv import BranchedConv2D
from od_api.protos import backbone_pb2

_STAGES = ("C2", "C3", "C4", "C5")


@register(backbone_pb2.Trident)
class Trident:
    """One stage of a ResNet several times over, with one set of weights.

    Each branch has another dilation of the stage's 3x3 convolutions, and learns objects
    and regions of its own range of sizes. Maps of all branches are one batch, branch
    after branch, from this stage on, and batch norm sees them as one. In inference a
    branch finds what has a size in its range, and suppression sees the boxes of all; or
    one branch runs alone (TridentNet Fast, which is trained without ranges). Source: Li
    et al., Scale-Aware Trident Networks, ICCV 2019.

    Args:
      stage: whose 3x3 convolutions are dilated, C2 to C5.
      dilations: of the branches; empty: 1, 2 and 3.
      ranges: BranchRanges, one for each branch; empty: every branch learns everything.
      inference_branch: the one that runs in inference, from 0; None: all of them.
      joins_branches: whether the detector joins what branches find.

    Attributes:
      branches: the Branches of the maps.
    """

    def __init__(
        self,
        *,
        stage="C4",
        dilations=(),
        ranges=(),
        inference_branch=None,
        joins_branches=False,
    ):
        if not joins_branches:
            raise ConfigError(
                "makes several maps of each image, and only model.faster_rcnn joins "
                "what is found in them: remove it"
            )
        dilations = tuple(dilations) or (1, 2, 3)
        _check(stage, dilations, ranges, inference_branch)
        self.stage = stage
        self._dilations = dilations
        self.branches = Branches(
            count=len(dilations),
            ranges=tuple((one.low, one.high) for one in ranges),
            alone=inference_branch,
        )

    def layer(self, layer, config):
        """What takes the place of a layer of a ResNet, or None.

        Args:
          layer: of keras.applications, by whose name it is known.
          config: its config, edited by what else there is.

        """
        first = f"conv{self.stage[1:]}_block1_"
        if not layer.name.startswith(first[: first.index("_") + 1]):
            return None
        if not layer.name.endswith("_conv"):
            return None
        dilations = self._dilations
        # The shortcut of the first block and its 3x3 read the map before the stage.
        shortcut = layer.name == f"{first}0_conv"
        if tuple(config["kernel_size"]) != (3, 3):
            if not shortcut:
                return None
            dilations = (1,) * len(dilations)
        return BranchedConv2D(
            dilations=dilations,
            alone=self.branches.alone,
            opens=shortcut or layer.name == f"{first}2_conv",
            **config,
        )

    def spread(self, maps, training):
        """{stage: map}: those before the branches, too, have a row for each of them."""
        before = list(maps)[: list(maps).index(self.stage)]
        count = len(self.branches.running(training))
        return {
            name: tf.concat([x] * count, axis=0) if name in before else x
            for name, x in maps.items()
        }


@register(backbone_pb2.BranchRange)
class BranchRange:
    """Sizes that a branch learns and finds: roots of areas, in the input's pixels.

    Args:
      low, high: both included.
    """

    def __init__(self, *, low=0.0, high=ranges.LARGEST):
        ranges.at_least("low", low)
        self.low, self.high = ranges.ordered("low", low, "high", high)


def _check(stage, dilations, sizes, alone):
    if stage not in _STAGES:
        raise ConfigError(f"{stage!r} is none of {', '.join(_STAGES)}", "stage")
    ranges.between("dilations", dilations, 1, ranges.MOST_CELLS)
    if len(dilations) < 2:
        raise ConfigError(
            "has one number, and there are two branches or more", "dilations"
        )
    if sizes and len(sizes) != len(dilations):
        raise ConfigError(
            f"are {len(sizes)}, and there are {len(dilations)} branches, one for each "
            "of the dilations: give as many, or none",
            "ranges",
        )
    if alone is not None and not 0 <= alone < len(dilations):
        raise ranges.RangeError(
            "inference_branch",
            f"inference_branch is {alone}; it must be 0 to {len(dilations) - 1}",
        )
