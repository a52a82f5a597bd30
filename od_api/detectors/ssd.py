"""SSD: one network that predicts classes and box offsets for a grid of anchors.

Liu et al., ECCV 2016; with a feature pyramid, shared heads and focal loss it is
RetinaNet (Lin et al., ICCV 2017). Composition only: every part is made elsewhere.
"""

import keras

from od_api.core.detector import Detector
from od_api.core.errors import ConfigError, MissingPart
from od_api.core.registry import build_field, part_class, register
from od_api.core.shapes import (
    blank_padding,
    known_or_unknown,
    pad_to_multiple,
    spatial_shape,
)
from od_api.core.types import Candidates
from od_api.detectors.dense_stage import DenseStage
from od_api.detectors.levels_read import built_parts
from od_api.detectors.mask_supervision import mask_losses, mask_supervision_of
from od_api.detectors.objective_field import columns_of, objective_of, set_objective
from od_api.detectors.stage import reports, takes_class_scores
from od_api.layers.fused_batch_norm import keep_statistics
from od_api.old_api.feature_extractor_aliases import typed_parts
from od_api.old_api.ssd_objective import REPLACED, ssd_objective
from od_api.protos import ssd_pb2

# Options of the schema whose mechanism does not exist here: refused, not ignored.
_UNSUPPORTED = {
    "use_confidences_as_targets": "training on class confidences",
    "explicit_background_class": "a background class among the num_classes",
}


@register(
    ssd_pb2.Ssd,
    ignored={
        "implicit_example_weight": "it belongs to use_confidences_as_targets, refused",
        "inplace_batchnorm_update": "batch norm always updates with the step",
        "mask_head_config": "no released detector ever read it",
        "return_raw_detections_during_predict": "the raw boxes are always exported",
    },
)
class Ssd(Detector):
    """A single-stage detector.

    Args:
      num_classes: K.
      resizer: what brings images to the network's input size.
      backbone, neck: from images to the maps of all levels.
      stage: a DenseStage; its head is the third part with variables.
      postprocess: makes scores of logits, and detections of scores.
      add_background_class: column 0 of the logits is background.
      freeze_batchnorm: batch norm keeps its statistics; scales and offsets learn.
      pad_to_multiple: the network's input becomes a multiple of it.
      supervision: MaskSupervision of the backbone's mask, or None.

    Attributes:
      parts: {"backbone", "neck", "head"}: the layers that hold variables.
    """

    def __init__(
        self,
        *,
        num_classes,
        resizer,
        backbone,
        neck,
        stage,
        postprocess,
        add_background_class=True,
        freeze_batchnorm=False,
        pad_to_multiple=1,
        supervision=None,
    ):
        self.num_classes = num_classes
        self.resizer = resizer
        self.parts = {"backbone": backbone, "neck": neck, "head": stage.head}
        self.stage = stage
        self.of_one_size = getattr(stage.box_coder, "of_one_size", False)
        self.postprocess = postprocess
        self.add_background_class = add_background_class
        self.pad_to_multiple = pad_to_multiple
        self.supervision = supervision
        self._create_variables()
        if freeze_batchnorm:
            for part in self.parts.values():
                keep_statistics(part)

    @classmethod
    def from_proto(cls, message):
        """The detector that an Ssd message describes."""
        _refuse_unsupported(message)
        backbone, neck = _networks(message)
        anchors = build_field(message, "anchor_generator")
        resizer = build_field(message, "image_resizer")
        columns = columns_of(message)
        return cls(
            num_classes=message.num_classes,
            resizer=resizer,
            backbone=backbone,
            neck=neck,
            stage=_stage(message, anchors, resizer.output_shape, columns),
            postprocess=build_field(
                message,
                "post_processing",
                num_classes=message.num_classes,
                columns=columns,
            ),
            add_background_class=message.add_background_class,
            freeze_batchnorm=message.freeze_batchnorm,
            pad_to_multiple=message.feature_extractor.pad_to_multiple,
            supervision=mask_supervision_of(message, backbone),
        )

    def call(self, images, true_shapes, training=False, targets=None, seed=None):
        """Raw predictions of a batch.

        Args:
          images: [B, H, W, 3] float32 in 0..255, resized and padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          training: whether dropout and batch norm act as in training.
          targets: of no use, but that a mask is taught where there are some.
          seed: unused.

        Returns:
          Predictions.
        """
        del seed
        images = known_or_unknown(images)
        supervised = self.supervision is not None and targets is not None
        features = self._features(images, true_shapes, training, auxiliary=supervised)
        logits = features.pop(self.supervision.level) if supervised else None
        maps = self.parts["neck"](features, training=training)
        made = self.stage.predict(maps, spatial_shape(images), true_shapes, training)
        return made._replace(gate_logits=logits)

    def priors(self, images, true_shapes, training=False):
        """The Priors of all anchors, as `Detector.priors`."""
        images = known_or_unknown(images)
        maps = self.parts["neck"](self._features(images, true_shapes, training=False))
        return self.stage.priors(maps, spatial_shape(images), training)

    @property
    def reports(self):
        """Whether `losses` tells of them prior by prior."""
        return reports(self.stage)

    @property
    def takes_class_scores(self):
        """Whether `losses` learns what `Targets.class_scores` say of each box."""
        return takes_class_scores(self.stage)

    def losses(self, predictions, targets, seed=None, report=None):
        """Equation 1 of Huang et al. (CVPR 2017), summed over the batch.

        Args:
          predictions: Predictions.
          targets: Targets.
          seed: int32 [2], for samplers that draw at random.
          report: a list that gets a Reported; None.

        Returns:
          {"localization_loss", "classification_loss"} or what the objective is made of,
          and "mask_gate_loss" where a mask is taught: float32 scalars. Under a
          synchronous strategy each replica returns its share: they add up to the loss
          of the whole batch.
        """
        losses = self.stage.losses(predictions, targets, seed, report)
        return losses | mask_losses(self.supervision, predictions, targets)

    def candidates(self, predictions):
        """Predictions -> Candidates: the boxes of all anchors."""
        return Candidates(
            boxes=predictions.boxes[:, :, :1],
            scores=self.foreground(self.scores(predictions)),
            columns=predictions.all_columns(),
        )

    def decode(self, predictions):
        """Predictions -> [B, A, 4] boxes of all anchors, not clipped."""
        return predictions.boxes[:, :, 0]

    def scores(self, predictions):
        """Predictions -> [B, A, K (+1)] scores, background first where there is one."""
        return self.postprocess.convert(predictions.class_logits, predictions.columns)

    def foreground(self, scores):
        """[..., K (+1)] -> [..., K]: without the background column."""
        return scores[..., 1:] if self.add_background_class else scores

    def _features(self, images, true_shapes, training, auxiliary=False):
        """{stage: map} of images [B, H, W, 3], perhaps with auxiliary ones."""
        inputs = self.parts["backbone"].normalize(images)
        inputs = blank_padding(inputs, true_shapes)
        inputs = pad_to_multiple(inputs, self.pad_to_multiple)
        more = {"auxiliary": True} if auxiliary else {}
        return self.parts["backbone"](inputs, training=training, **more)

    def _create_variables(self):
        """Runs the network symbolically once, so that every variable exists."""
        height, width = self.resizer.output_shape or (None, None)
        multiple = self.pad_to_multiple
        if height and width:
            height, width = (-(-s // multiple) * multiple for s in (height, width))
        image = keras.Input((height, width, 3), dtype="float32")
        features = self.parts["backbone"](image)
        self.parts["head"](self.parts["neck"](features))


def _refuse_unsupported(message):
    for field, meaning in _UNSUPPORTED.items():
        if getattr(message, field):
            raise MissingPart(f"od_api does not offer {meaning}", field)
    if message.num_classes < 1:
        raise ConfigError("must be at least 1", "num_classes")
    head = part_class(message.box_predictor)
    if head is not None and head.reads != "cells":
        predictor = message.box_predictor.WhichOneof("box_predictor_oneof")
        raise ConfigError(
            "is for the regions of model.faster_rcnn; SSD has anchors and takes "
            "convolutional_box_predictor or weight_shared_convolutional_box_predictor",
            f"box_predictor.{predictor}",
        )


def _networks(message):
    """The backbone and the neck of an Ssd message."""
    if not message.HasField("feature_extractor"):
        raise ConfigError("is not set in Ssd, and it is needed", "feature_extractor")
    try:
        extractor = message.feature_extractor
        return built_parts(extractor, *typed_parts(extractor))
    except ConfigError as error:
        raise error.within("feature_extractor") from error


def _stage(message, anchors, image_shape, columns):
    """The DenseStage of an Ssd message."""
    context = {
        "num_classes": message.num_classes,
        "add_background_class": message.add_background_class,
        "columns": columns,
    }
    needed = ("columns",) if columns else ()
    box_coder = build_field(message, "box_coder", image_shape=image_shape)
    return DenseStage(
        head=build_field(
            message,
            "box_predictor",
            required=("num_classes", *needed),
            anchors_per_location=anchors.per_location,
            **context,
        ),
        anchors=anchors,
        box_coder=box_coder,
        objective=objective_of(
            message,
            ssd_objective,
            REPLACED,
            [("objective", set_objective(message, "objective"))],
            required=needed,
            box_coder=box_coder,
            image_shape=image_shape,
            num_levels=len(anchors.per_location),
            **context,
        ),
    )
