"""A classifier of whole images: a detector without boxes."""

from typing import NamedTuple

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.detector import Detector
from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_field, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import blank_padding, known_or_unknown
from od_api.core.types import Detections
from od_api.layers.fused_batch_norm import freeze_batch_norm
from od_api.layers.pooled_classes import PooledClasses, cells_inside
from od_api.protos import classifier_pb2, losses_pb2

_CONVERTERS = {"SOFTMAX": tf.nn.softmax, "SIGMOID": tf.sigmoid}
# The losses that go with them.
_LOSSES = {
    "SOFTMAX": losses_pb2.WeightedSoftmaxClassificationLoss,
    "SIGMOID": losses_pb2.WeightedSigmoidClassificationLoss,
}


class ClassPredictions(NamedTuple):
    """Raw outputs of a classifier.

    Attributes:
      class_logits: [B, K] float32.
      true_shapes: [B, 2] int32, height and width of each image inside the padding.
    """

    class_logits: tf.Tensor
    true_shapes: tf.Tensor


@register(classifier_pb2.Classifier)
class Classifier(Detector):
    """The classes of whole images, by the mean of a backbone's map.

    Its checkpoint has the backbone under the names that detectors give it: with
    `fine_tune_checkpoint_type: "classification"` it starts one of these.

    Args:
      num_classes: K.
      image_resizer: what brings images to the network's input size.
      backbone: from images to maps.
      level: name of the map that is averaged; "": the last.
      dropout_keep_probability: of the averages, in training; above 0.
      score_converter: SOFTMAX: the classes of an image share it; SIGMOID: each class
        is there or not.
      classification_loss: of logits and targets [B, K]; None: cross entropy.
      max_classes: the best classes that are listed.
      freeze_batchnorm: batch norm keeps its statistics, scales and offsets.
    """

    finds_boxes = False

    def __init__(
        self,
        *,
        num_classes,
        image_resizer,
        backbone,
        level="",
        dropout_keep_probability=1.0,
        score_converter="SOFTMAX",
        classification_loss=None,
        max_classes=5,
        freeze_batchnorm=False,
    ):
        ranges.above("dropout_keep_probability", dropout_keep_probability, 0, 1)
        ranges.at_least("max_classes", max_classes, 1, ranges.MOST_CLASSES)
        self.num_classes = num_classes
        self.resizer = image_resizer
        self.level = level or backbone.levels[-1]
        head = PooledClasses(num_classes, dropout_keep_probability, name="classes")
        self.parts = {"backbone": backbone, "head": head}
        self.max_classes = min(max_classes, num_classes)
        self._stride = backbone.strides[self.level]
        self._shared = score_converter == "SOFTMAX"
        self._convert = _CONVERTERS[score_converter]
        self._loss = classification_loss or build(_LOSSES[score_converter]())
        head(backbone(keras.Input((None, None, 3), dtype="float32"))[self.level])
        if freeze_batchnorm:
            for part in self.parts.values():
                freeze_batch_norm(part)

    @classmethod
    def from_proto(cls, message):
        """The classifier that a Classifier message describes."""
        if message.num_classes < 1:
            raise ConfigError("must be at least 1", "num_classes")
        backbone = build_field(message, "backbone")
        if backbone.second_stage is not None:
            raise ConfigError(
                "has a second_stage, which looks at regions: remove the field",
                "backbone",
            )
        if message.level and message.level not in backbone.strides:
            raise ConfigError(
                f"there is no map {message.level!r}, but {', '.join(backbone.levels)}",
                "level",
            )
        loss = None
        if message.HasField("classification_loss"):
            loss = build_field(message, "classification_loss")
        return cls(
            num_classes=message.num_classes,
            image_resizer=build_field(message, "image_resizer"),
            backbone=backbone,
            level=message.level,
            dropout_keep_probability=message.dropout_keep_probability,
            score_converter=message.ScoreConverter.Name(message.score_converter),
            classification_loss=loss,
            max_classes=message.max_classes,
            freeze_batchnorm=message.freeze_batchnorm,
        )

    def call(self, images, true_shapes, training=False, targets=None, seed=None):
        """ClassPredictions of a batch; `targets` and `seed` are of no use here."""
        del targets, seed
        backbone = self.parts["backbone"]
        inputs = blank_padding(
            backbone.normalize(known_or_unknown(images)), true_shapes
        )
        feature = backbone(inputs, training=training)[self.level]
        inside = cells_inside(feature, true_shapes, self._stride)
        logits = self.parts["head"](feature, inside, training=training)
        return ClassPredictions(logits, true_shapes)

    def losses(self, predictions, targets, seed=None):
        """{"classification_loss"}: the mean over the images of the whole batch.

        Args:
          predictions: ClassPredictions.
          targets: Targets with image_classes.
          seed: unused: nothing is drawn.
        """
        del seed
        wanted = targets.image_classes
        if self._shared:
            # An image of two classes is half of each.
            total = tf.reduce_sum(wanted, axis=-1, keepdims=True)
            wanted = tf.math.divide_no_nan(wanted, total)
        losses = self._loss(predictions.class_logits, wanted)
        images = sum_over_replicas(tf.cast(tf.shape(wanted)[0], tf.float32))
        return {"classification_loss": tf.reduce_sum(losses) / images}

    def detect(self, predictions):
        """Predictions -> Detections without boxes: the best classes of each image."""
        scores, classes = tf.math.top_k(self.scores(predictions), self.max_classes)
        return Detections(
            boxes=None,
            scores=scores,
            classes=classes,
            count=tf.fill([tf.shape(scores)[0]], self.max_classes),
            anchor_indices=None,
        )

    def scores(self, predictions):
        """Predictions -> [B, K] scores in 0..1."""
        return self._convert(predictions.class_logits)
