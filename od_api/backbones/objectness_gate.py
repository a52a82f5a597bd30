"""Objectness mask gating: a light network erases the background of another's maps."""

import tensorflow as tf

from od_api.backbones.fast_scnn import FastScnn
from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers.map_source import MapSource
from od_api.layers.mask_gate import MODES, gated
from od_api.protos import backbone_pb2

# Background and foreground.
CLASSES = 2
MASK = "mask_logits"


@register(backbone_pb2.ObjectnessGate)
class ObjectnessGate(MapSource):
    """A light network's mask sets the background of a backbone's maps to zero.

    Of every cell the light network says whether it is background or foreground, and
    maps are multiplied by that, brought to their size by nearest neighbour: products
    with zeros can be left out by who knows how (`nonzero_products` of
    layers/mask_gate.py counts the others). The mask learns from the detector's losses,
    by the gradient of the soft arg-max, and from `mask_supervision`. The light network
    sees images as the backbone has normalised them, and never has weights of the
    backbone's file. Source: objectness mask gating (OMG) of detectors, with the masks
    of Fast-SCNN (Poudel et al., BMVC 2019).

    Args:
      backbone: the backbone.
      masks: the light network, a backbone with a map of two channels; None:
        `fast_scnn` with two classes.
      mask_level: name of that map.
      levels: maps of the backbone that are multiplied; empty: all.
      mode: "surrogate", a mask of 0 and 1, or "soft", the soft arg-max.
      beta: of the soft arg-max, above 0.
    """

    def __init__(
        self,
        *,
        backbone=None,
        masks=None,
        mask_level="C3_classes",
        levels=(),
        mode="surrogate",
        beta=1.0,
    ):
        super().__init__(name="objectness_gate")
        if backbone is None:
            raise ConfigError("is not set: give the network that is gated", "backbone")
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}: take {', '.join(MODES)}")
        self._beta, self._mode = ranges.above("beta", beta), mode
        self.backbone = backbone
        self.masks = masks or FastScnn(num_classes=CLASSES)
        _check_masks(backbone, self.masks, mask_level)
        self._mask_level = mask_level
        self._gated = _named(backbone, levels)
        self.strides, self.channels = dict(backbone.strides), dict(backbone.channels)

    @property
    def auxiliary(self):
        """MapSpecs of the mask's logits, `mask_logits`."""
        stride = self.masks.strides[self._mask_level]
        return MapSpecs(strides={MASK: stride}, channels={MASK: CLASSES})

    @property
    def second_stage(self):
        """The backbone's, which reads what is left of its last map."""
        return self.backbone.second_stage

    def normalize(self, images):
        """As the backbone does."""
        return self.backbone.normalize(images)

    def call(self, images, training=False, auxiliary=False):
        """[B, H, W, 3] normalised -> {level: [B, h, w, C]}, finest first.

        With `auxiliary` the mask's logits follow: [B, h, w, 2] float32.
        """
        maps = self.backbone(images, training=training)
        logits = self.masks(images, training=training)[self._mask_level]
        logits = tf.cast(logits, tf.float32)
        read = {level: maps[level] for level in self._gated}
        made = {**maps, **gated(read, logits, beta=self._beta, mode=self._mode)}
        return made | ({MASK: logits} if auxiliary else {})

    def load_weights(self, path):
        """Those of the backbone; the light network stays as it is."""
        self.backbone.load_weights(path)


def _check_masks(backbone, masks, level):
    if backbone.branches is not None or masks.branches is not None:
        raise ConfigError("has branches, and one mask is for one map: remove them")
    if masks.second_stage is not None:
        raise ConfigError("has a second_stage, which no mask needs: remove it", "masks")
    if level not in masks.strides:
        raise ConfigError(
            f"the network of the masks has no {level}, but {', '.join(masks.strides)}; "
            "fast_scnn { num_classes: 2 } has C3_classes",
            "mask_level",
        )
    if masks.channels[level] != CLASSES:
        raise ConfigError(
            f"{level} has {masks.channels[level]} channels, and a mask needs two, "
            "background and foreground",
            "mask_level",
        )


def _named(backbone, levels):
    """The levels, or all of them."""
    for i, level in enumerate(levels):
        if level not in backbone.strides:
            raise ConfigError(
                f"the backbone has no {level}, but {', '.join(backbone.strides)}",
                f"levels[{i}]",
            )
    return tuple(levels) or backbone.levels
