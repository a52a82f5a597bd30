"""Detectors that find points in maps and group them into boxes, such as CornerNet."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from od_api.core.detector import Detector
from od_api.core.errors import ConfigError
from od_api.core.registry import build_field, register
from od_api.core.shapes import (
    blank_padding,
    known_or_unknown,
    pad_to_multiple,
)
from od_api.core.types import Candidates
from od_api.detectors.keypoint_levels import Layers, Stacks
from od_api.detectors.levels_read import named_levels, place_above
from od_api.layers.fused_batch_norm import freeze_batch_norm
from od_api.protos import keypoints_pb2, post_processing_pb2


class KeypointPredictions(NamedTuple):
    """Raw outputs of a keypoint detector.

    Attributes:
      maps: {level: {name: [B, h, w, n]}}, as the head names them.
      true_shapes: [B, 2] int32, height and width of each image inside the padding.
      grouped: Grouped; None in training.
    """

    maps: dict
    true_shapes: tf.Tensor
    grouped: Any = None


@register(keypoints_pb2.Keypoints)
class Keypoints(Detector):
    """CornerNet (Law and Deng, ECCV 2018), or what else head and grouping make of it.

    The maps that the head reads are `Stacks`, of one stride: each has losses, and the
    last is grouped into boxes. With `level_objects` they are `Layers`, of any strides:
    each has losses and boxes of the objects that belong to it.

    Args:
      num_classes: K.
      resizer: what brings images to the network's input size.
      parts: {"backbone", "neck" (if any), "head"}: the layers that hold variables.
      reading: `Stacks` or `Layers` of the maps that the head reads.
      objective: (maps of a level, targets, stride, divisor) -> {name: scalar}.
      grouping: (maps of a level, stride) -> Grouped.
      postprocess: suppresses the grouped boxes.
      freeze_batchnorm: batch norm keeps its statistics, scales and offsets.
      pad_to_multiple: the network's input becomes a multiple of it.
    """

    candidates_are_ranked = True

    def __init__(
        self,
        *,
        num_classes,
        resizer,
        parts,
        reading,
        objective,
        grouping,
        postprocess,
        freeze_batchnorm=False,
        pad_to_multiple=1,
    ):
        self.num_classes = num_classes
        self.resizer = resizer
        self.parts = parts
        self.reading = reading
        self.objective = objective
        self.grouping = grouping
        self.postprocess = postprocess
        self.pad_to_multiple = pad_to_multiple
        self._create_variables()
        if freeze_batchnorm:
            for part in parts.values():
                freeze_batch_norm(part)

    @classmethod
    def from_proto(cls, message):
        """The detector that a Keypoints message describes."""
        if message.num_classes < 1:
            raise ConfigError("must be at least 1", "num_classes")
        resizer = build_field(message, "image_resizer")
        parts, reading = _networks(message)
        context = {"num_classes": message.num_classes}
        parts["head"] = build_field(message, "head", **context)
        return cls(
            num_classes=message.num_classes,
            resizer=resizer,
            parts=parts,
            reading=reading,
            objective=build_field(message, "objective", **context),
            grouping=build_field(message, "grouping", **context),
            postprocess=_postprocess(message, context),
            freeze_batchnorm=message.freeze_batchnorm,
            pad_to_multiple=message.pad_to_multiple,
        )

    def call(self, images, true_shapes, training=False, targets=None, seed=None):
        """Raw predictions of a batch; `targets` and `seed` are of no use here.

        Args:
          images: [B, H, W, 3] float32 in 0..255, resized and padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          training: whether batch norm acts as in training; nothing is grouped then.

        Returns:
          KeypointPredictions.
        """
        del targets, seed
        inputs = self.parts["backbone"].normalize(known_or_unknown(images))
        inputs = blank_padding(inputs, true_shapes)
        maps = self._maps(pad_to_multiple(inputs, self.pad_to_multiple), training)
        if training:
            return KeypointPredictions(maps, true_shapes)
        grouped = self.reading.grouped(self.grouping, maps)
        return KeypointPredictions(maps, true_shapes, grouped)

    def losses(self, predictions, targets, seed=None):
        """The objective's losses: the mean of those of stacks, the sum of layers'.

        Args:
          predictions: KeypointPredictions.
          targets: Targets.
          seed: unused: nothing is drawn.

        Returns:
          {name: float32 scalar}. Over replicas they add up to the loss of the batch.
        """
        del seed
        return self.reading.losses(self.objective, predictions.maps, targets)

    def candidates(self, predictions):
        """Predictions -> Candidates: the grouped boxes."""
        grouped = predictions.grouped
        return Candidates(
            boxes=grouped.boxes[:, :, None],
            # Below every threshold where there is no box.
            scores=tf.where(grouped.valid[..., None], self.scores(predictions), -1.0),
            columns=_with_places(grouped),
        )

    def decode(self, predictions):
        """Predictions -> [B, M, 4] grouped boxes, not clipped; padded with 0."""
        return predictions.grouped.boxes

    def scores(self, predictions):
        """Predictions -> [B, M, K] scores, each box's in the column of its class."""
        return self.postprocess.convert(predictions.grouped.scores)

    def _maps(self, inputs, training):
        """{level: {name: [B, h, w, n]}} of padded, normalised images."""
        features = self.parts["backbone"](inputs, training=training)
        if "neck" in self.parts:
            features = self.parts["neck"](features, training=training)
        read = {level: features[level] for level in self.reading.levels}
        return self.parts["head"](read, training=training)

    def _create_variables(self):
        """Runs the network symbolically once, so that every variable exists."""
        self._maps(keras.Input((None, None, 3), dtype="float32"), training=False)


def _networks(message):
    """({"backbone", "neck"}, `Stacks` or `Layers` of what the head reads)."""
    backbone = build_field(message, "backbone")
    if backbone.second_stage is not None:
        raise ConfigError(
            "has a second_stage, which looks at regions, and keypoints have none: "
            "remove the field",
            "backbone",
        )
    layered = message.HasField("level_objects")
    parts, specs = {"backbone": backbone}, backbone.specs
    if message.HasField("neck"):
        parts["neck"] = build_field(message, "neck")
        place_above(parts["neck"], backbone, stretched=layered)
        specs = parts["neck"].specs
    if layered:
        strides = named_levels(message, "levels", specs, specs.levels).strides
        of_maps = {"strides": list(strides.values())}
        objects = build_field(message, "level_objects", **of_maps)
        return parts, Layers(strides, objects)
    finest = min(specs.strides.values())
    own = [name for name, stride in specs.strides.items() if stride == finest]
    strides = named_levels(message, "levels", specs, own).strides
    if len(set(strides.values())) > 1:
        raise ConfigError(
            f"have strides of {strides}, and keypoints are of one: name maps of equal "
            "stride, or say in level_objects which objects each of them is for",
            "levels",
        )
    return parts, Stacks(strides)


def _postprocess(message, context):
    """The postprocess; one that makes scores of logits is refused."""
    given = message.post_processing
    if given.score_converter != post_processing_pb2.PostProcessing.IDENTITY:
        raise ConfigError(
            "makes scores of logits, and the grouping has made them already: remove it",
            "post_processing.score_converter",
        )
    return build_field(message, "post_processing", columns=(), **context)


def _with_places(grouped):
    """The grouping's columns and, as of all detectors, `level` and `prior`."""
    shape = tf.shape(grouped.valid)
    rows = tf.broadcast_to(tf.cast(tf.range(shape[1]), tf.float32), shape)
    places = {"level": tf.zeros(shape), "prior": rows}
    return {n: x[..., None] for n, x in places.items()} | (grouped.columns or {})
