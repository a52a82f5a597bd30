"""The head of a region proposal network: is there an object, and where is its box."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.anchor_predictions import rows_per_anchor
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import box_predictor_pb2

BACKGROUND_AND_OBJECT = 2
CODE_SIZE = 4


@register(box_predictor_pb2.RegionProposalPredictor)
class RegionProposalPredictor(keras.layers.Layer):
    """Predicts objectness and box codes of every anchor (Ren et al., NIPS 2015).

    One convolution with relu6, then a 1x1 convolution each for the two logits and for
    the box codes. All levels share the weights (Lin et al., CVPR 2017, section 4.1).

    Args:
      anchors_per_location: anchors of a location on each level, a list; all equal
        where the levels share all weights.
      depth: channels of the first convolution.
      kernel_size: of the first convolution.
      atrous_rate: dilation of the first convolution.
      conv_hyperparams: a `ConvHyperparams`; its activation has no effect.
      predictors_per_level: each level has 1x1 convolutions of its own, as the old API
        had them; the first convolution is of all levels.
      name: of the layer.

    Attributes:
      reads: every cell of the maps.
    """

    reads = "cells"

    def __init__(
        self,
        *,
        anchors_per_location,
        depth=512,
        kernel_size=3,
        atrous_rate=1,
        conv_hyperparams=None,
        predictors_per_level=False,
        name="region_proposal_predictor",
    ):
        super().__init__(name=name)
        if len(set(anchors_per_location)) != 1 and not predictors_per_level:
            raise ValueError(
                "the first stage shares its weights between levels and needs the same "
                f"number of anchors on each, not {list(anchors_per_location)}"
            )
        for field, value, most in (
            ("depth", depth, ranges.MOST_CHANNELS),
            ("kernel_size", kernel_size, ranges.MOST_CELLS),
            ("atrous_rate", atrous_rate, ranges.MOST_CELLS),
        ):
            ranges.at_least(field, value, 1, most)
        make = self._make = conv_hyperparams or ConvHyperparams()
        self._per_level = predictors_per_level
        self._anchors_per_location = list(anchors_per_location)
        self._shared = Chain(
            [
                make.conv2d(depth, kernel_size, name="conv", dilation_rate=atrous_rate),
                make.norm_layer(depth, name="norm"),
                keras.layers.Activation("relu6", name="activation"),
            ],
            name="shared",
        )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the features', by level."""
        anchors = self._anchors_per_location
        if len(feature_shapes) != len(anchors):
            raise ValueError(
                f"the first stage gets {len(feature_shapes)} levels "
                f"({', '.join(feature_shapes)}) and its anchor generator has "
                f"{len(anchors)}; they must agree"
            )
        depths = {level: shape[-1] for level, shape in feature_shapes.items()}
        if len(set(depths.values())) != 1:
            raise ValueError(
                "the first stage shares its weights between levels and needs the same "
                f"depth on each, not {depths}"
            )
        shape = next(iter(feature_shapes.values()))
        self._shared.build(shape)
        shape = self._shared.compute_output_shape(shape)
        ends = [f"_{level}" for level in feature_shapes] if self._per_level else [""]
        self._classes = self._predictors("class", ends, BACKGROUND_AND_OBJECT, shape)
        self._boxes = self._predictors("box", ends, CODE_SIZE, shape)

    def _predictors(self, name, ends, size, shape):
        """A 1x1 convolution for each end of a name, built."""
        counts = self._anchors_per_location[: len(ends)]
        layers = [
            self._make.conv2d(count * size, 1, name=name + end, use_bias=True)
            for end, count in zip(ends, counts, strict=True)
        ]
        for layer in layers:
            layer.build(shape)
        return layers

    def call(self, features, training=False):
        """Predictions of all levels, one row an anchor.

        Args:
          features: {level: [B, h, w, C]}, as many as there are anchors_per_location.
          training: whether batch statistics are used.

        Returns:
          class_logits [B, A, 2], background in column 0, and box_codes [B, A, 4],
          float32.
        """
        maps = [self._shared(feature) for feature in features.values()]
        again = len(maps) // len(self._classes)
        logits = _each(self._classes * again, maps)
        codes = _each(self._boxes * again, maps)
        return {
            "class_logits": rows_per_anchor(logits, BACKGROUND_AND_OBJECT),
            "box_codes": rows_per_anchor(codes, CODE_SIZE),
        }


def _each(layers, maps):
    return [layer(one) for layer, one in zip(layers, maps, strict=True)]
