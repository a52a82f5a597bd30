"""Faster R-CNN and R-FCN: proposals, then their classes and boxes."""

from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core.registry import register
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import (
    image_windows,
    known_or_unknown,
    pad_to_multiple,
    spatial_shape,
)
from od_api.core.types import AnchorLosses
from od_api.detectors.faster_rcnn_parts import faster_rcnn_parts
from od_api.detectors.proposal_sampling import real_boxes
from od_api.protos import faster_rcnn_pb2

ONE_SUPPRESSION = "there is one implementation, and it gives the same boxes"


class TwoStagePredictions(NamedTuple):
    """Raw outputs of both stages.

    Attributes:
      first: AnchorPredictions of the region proposal network.
      features: {stage: [B, h, w, C]} that regions are cropped from.
      proposals: Detections of one class: boxes [B, P, 4], count [B]. In training, those
        that were sampled.
      regions: RegionOutputs of the proposals; None without a second stage.
      true_shapes: [B, 2] int32, height and width of each image inside the padding.
      mask_logits: [B * P, mh, mw, K or 1] of the proposals, where they are trained.
    """

    first: Any
    features: dict
    proposals: Any
    regions: Any
    true_shapes: tf.Tensor
    mask_logits: Any = None


@register(
    faster_rcnn_pb2.FasterRcnn,
    ignored={
        "inplace_batchnorm_update": "batch norm always updates with the step",
        "use_matmul_gather_in_matcher": "gathers take the form that suits the device",
        "use_static_balanced_label_sampler": "the sampler always has static shapes",
        "use_static_shapes_for_eval": "use_static_shapes holds for evaluation, too",
        "use_partitioned_nms_in_first_stage": ONE_SUPPRESSION,
        "use_combined_nms_in_first_stage": ONE_SUPPRESSION,
        "return_raw_detections_during_predict": "the raw boxes are always exported",
        "resize_masks": "masks are always resized with their image",
    },
)
class FasterRcnn:
    """Faster R-CNN (Ren et al., NIPS 2015) and R-FCN (Dai et al., NIPS 2016).

    A first stage proposes boxes, and a second classifies and refines them. Which of the
    two detectors it is, and whether it predicts masks, is a matter of its parts.

    Attributes:
      parts: the layers that hold variables: {"backbone", "rpn", ...}.
      resizer: what brings images to the network's input size.
      num_classes: K.
      max_proposals: how many proposals at most go on to the second stage; None without
        a second stage.
    """

    def __init__(
        self,
        *,
        parts,
        num_classes,
        resizer,
        rpn,
        regions=None,
        sampling=None,
        loss=None,
        postprocess=None,
        masks=None,
        miner=None,
        classification_weight=1.0,
        localization_weight=1.0,
        pad_to_multiple=1,
    ):
        self.parts = parts
        self.num_classes = num_classes
        self.resizer = resizer
        self.rpn = rpn
        self.regions = regions
        self.sampling = sampling
        self.loss = loss
        self.postprocess = postprocess
        self.masks = masks
        self.miner = miner
        self.classification_weight = classification_weight
        self.localization_weight = localization_weight
        self.pad_to_multiple = pad_to_multiple
        self.max_proposals = None
        if regions is not None:
            self.max_proposals = rpn.suppression.max_total_detections

    @classmethod
    def from_proto(cls, message):
        """The detector that a FasterRcnn message describes."""
        return cls(**faster_rcnn_parts(message))

    def call(
        self,
        images,
        true_shapes,
        training=False,
        targets=None,
        seed=None,
        num_proposals=None,
    ):
        """Raw predictions of a batch.

        Args:
          images: [B, H, W, 3] float32 in 0..255, resized and padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          training: whether dropout and batch norm act as in training.
          targets: Targets that proposals are sampled by; None keeps all proposals.
          seed: int32 [2], for the sampler; goes with `targets`.
          num_proposals: int or int32 scalar: only so many of the best proposals go on
            to the second stage; None for all.

        Returns:
          TwoStagePredictions.
        """
        images = known_or_unknown(images)
        features = self._features(images, training)
        first = self.rpn.predict(features, spatial_shape(images), training)
        proposals = self.rpn.propose(first, true_shapes)
        if num_proposals is not None:
            proposals = _first_of(proposals, num_proposals)
        predictions = TwoStagePredictions(first, features, proposals, None, true_shapes)
        if self.regions is None:
            return predictions
        if targets is not None:
            # Another draw than the first stage's.
            seed = tf.random.fold_in(seed, 1, alg="philox")
            proposals = self.sampling.sample(proposals, targets, seed)
        regions = self.regions(features, proposals.boxes, first.image_shape, training)
        masks = None
        if self.masks is not None and targets is not None:
            masks = self.masks.head.masks(regions.features, training=training)
        return predictions._replace(
            proposals=proposals, regions=regions, mask_logits=masks
        )

    def losses(self, predictions, targets, seed=None):
        """Equation 1 of Huang et al. (CVPR 2017) for each stage.

        Args:
          predictions: TwoStagePredictions.
          targets: Targets.
          seed: int32 [2], for the first stage's sampler.

        Returns:
          {name: float32 scalar}: RPNLoss/localization_loss, RPNLoss/objectness_loss,
          BoxClassifierLoss/localization_loss, BoxClassifierLoss/classification_loss
          and, for masks in training, BoxClassifierLoss/mask_loss. Over replicas they
          add up to the loss of the whole batch.
        """
        losses = self.rpn.losses(predictions.first, targets, seed)
        if self.regions is None:
            return losses
        assignment = self.sampling.assign(
            predictions.proposals.boxes, real_boxes(predictions.proposals), targets
        )
        return {
            **losses,
            **self._region_losses(predictions, assignment, targets),
            **self._mask_losses(predictions, assignment, targets),
        }

    def detect(self, predictions):
        """Predictions -> Detections; without a second stage the proposals."""
        if self.regions is None:
            return predictions.proposals
        proposals = predictions.proposals
        boxes = self.loss.box_coder.decode(
            predictions.regions.box_codes, proposals.boxes[:, :, None]
        )
        scores = self.scores(predictions)[..., 1:]
        # Below every threshold: padding is no detection.
        scores = tf.where(real_boxes(proposals)[..., None], scores, -1.0)
        found = self.postprocess.select(
            boxes, scores, window=image_windows(predictions.true_shapes)
        )
        if self.masks is None:
            return found
        shape = predictions.first.image_shape
        regions = self.regions.features(predictions.features, found.boxes, shape)
        return found._replace(masks=self.masks.probabilities(regions, found))

    def decode(self, predictions):
        """Predictions -> [B, P, 4] boxes of the proposals' best classes, not clipped.

        Without a second stage: [B, A, 4] of all anchors.
        """
        if self.regions is None:
            first = predictions.first
            return self.rpn.loss.box_coder.decode(first.box_codes, first.anchors)
        foreground = predictions.regions.class_logits[..., 1:]
        codes = _codes_of(predictions.regions.box_codes, tf.argmax(foreground, axis=-1))
        return self.loss.box_coder.decode(codes, predictions.proposals.boxes)

    def scores(self, predictions):
        """Predictions -> [B, P, K + 1] scores; without a second stage [B, A, 2]."""
        if self.regions is None:
            return tf.nn.softmax(predictions.first.class_logits)
        return self.postprocess.convert(predictions.regions.class_logits)

    def _features(self, images, training):
        backbone, neck = self.parts["backbone"], self.parts.get("neck")
        inputs = pad_to_multiple(backbone.normalize(images), self.pad_to_multiple)
        features = backbone(inputs, training=training)
        if neck is not None:
            return neck(features, training=training)
        return {"C4": features["C4"]}

    def _region_losses(self, predictions, assignment, targets):
        """Losses of the second stage, each image's over the number of its proposals."""
        proposals, regions = predictions.proposals, predictions.regions
        classes = assignment.take(targets.classes)
        losses = self.loss(
            regions.class_logits,
            _codes_of(regions.box_codes, classes),
            proposals.boxes,
            assignment,
            targets,
        )
        images = sum_over_replicas(tf.cast(tf.shape(classes)[0], tf.float32))
        count = tf.cast(tf.maximum(proposals.count, 1), tf.float32)[:, None]
        classification = self.classification_weight * losses.classification
        localization = self.localization_weight * losses.localization
        if self.miner is not None:
            ranking = AnchorLosses(classification, localization, proposals.boxes)
            kept = self.miner.sample(assignment, ranking)
            classification, localization = classification * kept, localization * kept
        return {
            "BoxClassifierLoss/localization_loss": tf.reduce_sum(
                localization / (count * images)
            ),
            "BoxClassifierLoss/classification_loss": tf.reduce_sum(
                classification / (count * images)
            ),
        }

    def _mask_losses(self, predictions, assignment, targets):
        if predictions.mask_logits is None:
            return {}
        return self.masks.losses(
            predictions.mask_logits,
            predictions.proposals.boxes,
            assignment,
            targets,
            predictions.first.image_shape,
        )


def _first_of(proposals, limit):
    """The best `limit` proposals of each image."""
    limit = tf.minimum(limit, tf.shape(proposals.boxes)[1])
    rows = {n: getattr(proposals, n)[:, :limit] for n in proposals._fields[:3]}
    return proposals._replace(
        **rows,
        count=tf.minimum(proposals.count, limit),
        anchor_indices=proposals.anchor_indices[:, :limit],
    )


def _codes_of(box_codes, classes):
    """[B, P, Q, 4], [B, P] classes -> [B, P, 4], the codes of each box's class."""
    if box_codes.shape[2] == 1:
        return box_codes[:, :, 0]
    return tf.gather(box_codes, classes, batch_dims=2)
