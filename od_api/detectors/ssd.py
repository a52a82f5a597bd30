"""SSD: one network that predicts classes and box offsets for a grid of anchors.

Liu et al., ECCV 2016; with a feature pyramid, shared heads and focal loss it is
RetinaNet (Lin et al., ICCV 2017). Composition only: every part is made elsewhere.
"""

import keras
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_field, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import (
    image_windows,
    known_or_unknown,
    pad_to_multiple,
    spatial_shape,
)
from od_api.core.types import AnchorLosses, Predictions
from od_api.detectors.multi_task_loss import MultiTaskLoss
from od_api.layers.fused_batch_norm import freeze_batch_norm
from od_api.old_api.feature_extractor_aliases import typed_parts
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
class Ssd:
    """A single-stage detector.

    Attributes:
      parts: {"backbone", "neck", "head"}: the layers that hold variables.
      resizer: what brings images to the network's input size.
      num_classes: K.
      max_proposals: None: there are no proposals.
    """

    max_proposals = None

    def __init__(
        self,
        *,
        num_classes,
        resizer,
        backbone,
        neck,
        head,
        anchors,
        assigner,
        loss,
        postprocess,
        sampler=None,
        miner=None,
        classification_weight=1.0,
        localization_weight=1.0,
        normalize_loss_by_num_matches=True,
        normalize_loc_loss_by_codesize=False,
        freeze_batchnorm=False,
        pad_to_multiple=1,
    ):
        self.num_classes = num_classes
        self.resizer = resizer
        self.parts = {"backbone": backbone, "neck": neck, "head": head}
        self.anchors = anchors
        self.assigner = assigner
        self.loss = loss
        self.postprocess = postprocess
        self.sampler = sampler
        self.miner = miner
        self.classification_weight = classification_weight
        self.localization_weight = localization_weight
        self.normalize_loss_by_num_matches = normalize_loss_by_num_matches
        self.normalize_loc_loss_by_codesize = normalize_loc_loss_by_codesize
        self.pad_to_multiple = pad_to_multiple
        self._create_variables()
        if freeze_batchnorm:
            for part in self.parts.values():
                freeze_batch_norm(part)

    @classmethod
    def from_proto(cls, message):
        """The detector that an Ssd message describes."""
        _refuse_unsupported(message)
        backbone, neck = _networks(message)
        anchors = build_field(message, "anchor_generator")
        resizer = build_field(message, "image_resizer")
        image_shape = resizer.output_shape
        similarity = build_field(
            message, "similarity_calculator", image_shape=image_shape
        )
        losses, samplers = _losses(message)
        return cls(
            num_classes=message.num_classes,
            resizer=resizer,
            backbone=backbone,
            neck=neck,
            head=build_field(
                message,
                "box_predictor",
                num_classes=message.num_classes,
                anchors_per_location=anchors.per_location,
                add_background_class=message.add_background_class,
            ),
            anchors=anchors,
            assigner=build_field(message, "matcher", similarity=similarity),
            postprocess=build_field(
                message, "post_processing", num_classes=message.num_classes
            ),
            loss=MultiTaskLoss(
                num_classes=message.num_classes,
                box_coder=build_field(message, "box_coder", image_shape=image_shape),
                **losses,
                add_background_class=message.add_background_class,
                encode_background_as_zeros=message.encode_background_as_zeros,
                negative_class_weight=message.negative_class_weight,
            ),
            **samplers,
            classification_weight=message.loss.classification_weight,
            localization_weight=message.loss.localization_weight,
            normalize_loss_by_num_matches=message.normalize_loss_by_num_matches,
            normalize_loc_loss_by_codesize=message.normalize_loc_loss_by_codesize,
            freeze_batchnorm=message.freeze_batchnorm,
            pad_to_multiple=message.feature_extractor.pad_to_multiple,
        )

    def call(self, images, true_shapes, training=False, targets=None, seed=None):
        """Raw predictions of a batch.

        Args:
          images: [B, H, W, 3] float32 in 0..255, resized and padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          training: whether dropout and batch norm act as in training.
          targets: unused; detectors that sample proposals look at them.
          seed: unused.

        Returns:
          Predictions.
        """
        del targets, seed
        images = known_or_unknown(images)
        inputs = self.parts["backbone"].normalize(images)
        inputs = _zero_padding(inputs, true_shapes)
        inputs = pad_to_multiple(inputs, self.pad_to_multiple)
        features = self.parts["backbone"](inputs, training=training)
        maps = self.parts["neck"](features, training=training)
        outputs = dict(self.parts["head"](maps, training=training))
        image_shape = spatial_shape(images)
        anchors = self.anchors([spatial_shape(m) for m in maps.values()], image_shape)
        return Predictions(
            class_logits=tf.cast(outputs.pop("class_logits"), tf.float32),
            box_codes=tf.cast(outputs.pop("box_codes"), tf.float32),
            anchors=anchors,
            image_shape=image_shape,
            true_shapes=true_shapes,
            extras=outputs,
        )

    def losses(self, predictions, targets, seed=None):
        """Equation 1 of Huang et al. (CVPR 2017), summed over the batch.

        Args:
          predictions: Predictions.
          targets: Targets.
          seed: int32 [2], for samplers that draw at random.

        Returns:
          {"localization_loss", "classification_loss"}: float32 scalars. Under a
          synchronous strategy each replica returns its share: they add up to the loss
          of the whole batch.
        """
        assignment = self.assigner.assign(predictions.anchors, targets, predictions)
        losses = self.loss(
            predictions.class_logits,
            predictions.box_codes,
            predictions.anchors,
            assignment,
            targets,
        )
        classification, localization, box_weights = losses
        if self.sampler is not None:
            sampled = self.sampler.sample(assignment, seed=seed)
            classification, localization = (
                classification * sampled,
                localization * sampled,
            )
            box_weights *= sampled
        if self.miner is not None:
            kept = self._mine(predictions, assignment, classification, localization)
            classification, localization = classification * kept, localization * kept
        matches = 1.0
        if self.normalize_loss_by_num_matches:
            matches = sum_over_replicas(tf.reduce_sum(box_weights))
            matches = tf.maximum(matches, 1.0)
        code_size = self.loss.box_coder.code_size
        per_code = code_size if self.normalize_loc_loss_by_codesize else 1
        return {
            "localization_loss": self.localization_weight
            * tf.reduce_sum(localization)
            / (matches * per_code),
            "classification_loss": self.classification_weight
            * tf.reduce_sum(classification)
            / matches,
        }

    def detect(self, predictions):
        """Predictions -> Detections: decoded, scored, clipped to the image, NMS."""
        return self.postprocess.select(
            self.decode(predictions),
            self.foreground(self.scores(predictions)),
            window=image_windows(predictions.true_shapes),
        )

    def decode(self, predictions):
        """Predictions -> [B, A, 4] boxes of all anchors, not clipped."""
        return self.loss.box_coder.decode(predictions.box_codes, predictions.anchors)

    def scores(self, predictions):
        """Predictions -> [B, A, K (+1)] scores, background first where there is one."""
        return self.postprocess.convert(predictions.class_logits)

    def foreground(self, scores):
        """[..., K (+1)] -> [..., K]: without the background column."""
        return scores[..., 1:] if self.loss.add_background_class else scores

    def _create_variables(self):
        """Runs the network symbolically once, so that every variable exists."""
        height, width = self.resizer.output_shape or (None, None)
        multiple = self.pad_to_multiple
        if height and width:
            height, width = (-(-s // multiple) * multiple for s in (height, width))
        image = keras.Input((height, width, 3), dtype="float32")
        features = self.parts["backbone"](image)
        self.parts["head"](self.parts["neck"](features))

    def _mine(self, predictions, assignment, classification, localization):
        """[B, A] 0/1: which anchors the hard-example miner keeps."""
        anchor_losses = AnchorLosses(
            classification=tf.stop_gradient(classification)
            * self.classification_weight,
            localization=tf.stop_gradient(localization) * self.localization_weight,
            boxes=tf.stop_gradient(self.decode(predictions)),
        )
        return self.miner.sample(assignment, anchor_losses)


def _refuse_unsupported(message):
    for field, meaning in _UNSUPPORTED.items():
        if getattr(message, field):
            raise ConfigError(f"od_api does not offer {meaning}", field)
    if message.num_classes < 1:
        raise ConfigError("must be at least 1", "num_classes")
    predictor = message.box_predictor.WhichOneof("box_predictor_oneof")
    if predictor in ("mask_rcnn_box_predictor", "rfcn_box_predictor"):
        raise ConfigError(
            "is for the regions of model.faster_rcnn; SSD has anchors and takes "
            "convolutional_box_predictor or weight_shared_convolutional_box_predictor",
            f"box_predictor.{predictor}",
        )
    if message.loss.expected_loss_weights:
        raise ConfigError(
            "od_api does not offer expected loss weights",
            "loss.expected_loss_weights",
        )
    if message.loss.equalization_loss.weight:
        raise ConfigError(
            "od_api does not offer the equalization loss", "loss.equalization_loss"
        )


def _networks(message):
    """The backbone and the neck of an Ssd message."""
    if not message.HasField("feature_extractor"):
        raise ConfigError("is not set in Ssd, and it is needed", "feature_extractor")
    try:
        backbone, neck = typed_parts(message.feature_extractor)
        return build(backbone), build(neck)
    except ConfigError as error:
        raise error.within("feature_extractor") from error


def _losses(message):
    """The losses and the samplers of an Ssd message, as constructor arguments."""
    if not message.HasField("loss"):
        raise ConfigError("is not set in Ssd, and it is needed", "loss")
    loss = message.loss
    try:
        losses = {
            name: build_field(loss, name)
            for name in ("classification_loss", "localization_loss")
        }
        return losses, {
            "sampler": _optional(loss, "random_example_sampler"),
            "miner": _optional(loss, "hard_example_miner"),
        }
    except ConfigError as error:
        raise error.within("loss") from error


def _optional(message, field):
    return build_field(message, field) if message.HasField(field) else None


def _zero_padding(inputs, true_shapes):
    """Sets the padding of normalised images to 0, the input of old SSD weights."""
    rows = tf.sequence_mask(true_shapes[:, 0], tf.shape(inputs)[1], inputs.dtype)
    columns = tf.sequence_mask(true_shapes[:, 1], tf.shape(inputs)[2], inputs.dtype)
    return inputs * rows[:, :, None, None] * columns[:, None, :, None]
