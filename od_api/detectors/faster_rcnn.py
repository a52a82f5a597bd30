"""Faster R-CNN and R-FCN: proposals, then their classes and boxes."""

import copy
from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core.detector import Detector
from od_api.core.registry import register
from od_api.core.shapes import (
    known_or_unknown,
    pad_to_multiple,
    spatial_shape,
)
from od_api.core.types import Candidates
from od_api.detectors.branched_detector import joining_branches
from od_api.detectors.faster_rcnn_parts import faster_rcnn_parts
from od_api.detectors.mask_supervision import mask_losses
from od_api.detectors.proposal_sampling import proposal_priors
from od_api.detectors.stage import reports, takes_class_scores
from od_api.layers.engine_operators import boxes_inside
from od_api.protos import faster_rcnn_pb2

ONE_SUPPRESSION = "there is one implementation, and it gives the same boxes"


class TwoStagePredictions(NamedTuple):
    """Raw outputs of all stages.

    Attributes:
      first: a tuple of Predictions, of the first stages in their order.
      features: {level: [B, h, w, C]} that regions are read from.
      proposals: Detections of one class: boxes [B, P, 4], count [B]. In training, those
        that were sampled.
      regions: a tuple of Predictions, of the region stages in their order; empty
        without a second stage.
      votes: a tuple of class logits [B, P, K + 1]: what the heads of all region stages
        but the last say of the last one's boxes; empty in training.
      true_shapes: [B, 2] int32, height and width of each image inside the padding.
      mask_logits: [B * P, mh, mw, K or 1] of the proposals, where they are trained.
      supervised: a tuple of Predictions for training alone, one a supervised map.
      gate_logits: as in Predictions.
    """

    first: tuple
    features: dict
    proposals: Any
    true_shapes: tf.Tensor
    regions: tuple = ()
    votes: tuple = ()
    mask_logits: Any = None
    supervised: tuple = ()
    gate_logits: Any = None


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
class FasterRcnn(Detector):
    """Faster R-CNN (Ren et al., NIPS 2015), R-FCN (Dai et al., NIPS 2016), cascades.

    First stages propose boxes; region stages classify and refine them. Which detector
    it is, and whether it predicts masks, is a matter of its parts.

    Args:
      parts: the layers that hold variables: {"backbone", "rpn", ...}.
      num_classes: K.
      resizer: what brings images to the network's input size.
      first_stages: DenseStages; the last one proposes.
      region_stages: RegionStages; none: the detector ends at its proposals.
      sampling: ProposalSampling, of the first region stage.
      postprocess: makes scores of logits, and detections of scores.
      masks: RegionMasks, or None.
      supervision: ConsistentSupervision, or None.
      mask_supervision: MaskSupervision of the backbone's mask, or None.
      proposal_levels: names of the maps that first stages read.
      region_levels: names of the maps that regions are read from.
      pad_to_multiple: the network's input becomes a multiple of it.

    Attributes:
      options: {"num_proposals": how many at most go on to the second stage}; none
        without a second stage.
      candidates_are_ranked, takes_proposals: there is a second stage: it looks at
        proposals.
    """

    def __init__(
        self,
        *,
        parts,
        num_classes,
        resizer,
        first_stages,
        proposal_levels,
        region_levels=(),
        region_stages=(),
        sampling=None,
        postprocess=None,
        masks=None,
        supervision=None,
        mask_supervision=None,
        pad_to_multiple=1,
    ):
        self.parts = parts
        self.num_classes = num_classes
        self.resizer = resizer
        self.first_stages = first_stages
        self.region_stages = region_stages
        self.proposal_levels = proposal_levels
        self.region_levels = region_levels
        self.sampling = sampling
        self.postprocess = postprocess
        self.masks = masks
        self.supervision = supervision
        self.mask_supervision = mask_supervision
        self.pad_to_multiple = pad_to_multiple
        self.candidates_are_ranked = self.takes_proposals = bool(region_stages)
        if region_stages:
            most = first_stages[-1].suppression.max_total_detections
            self.options = {"num_proposals": most}

    @classmethod
    def from_proto(cls, message):
        """The detector that a FasterRcnn message describes, its branches joined."""
        return joining_branches(cls(**faster_rcnn_parts(message)))

    def call(
        self,
        images,
        true_shapes,
        training=False,
        targets=None,
        seed=None,
        num_proposals=None,
        proposals=None,
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
          proposals: Detections of one class that the second stage looks at; None: the
            first stage's.

        Returns:
          TwoStagePredictions; `first` is empty where proposals are given.
        """
        images = known_or_unknown(images)
        supervised = self.supervision is not None and targets is not None
        taught = self.mask_supervision is not None and targets is not None
        maps = self._maps(images, training, auxiliary=supervised, mask=taught)
        logits = maps.pop(self.mask_supervision.level) if taught else None
        shapes = (spatial_shape(images), true_shapes)
        first = ()
        if proposals is None:
            first = self._first_predictions(maps, shapes, training)
            proposals = self.first_stages[-1].propose(first[-1])
        if num_proposals is not None:
            proposals = _first_of(proposals, num_proposals)
        if self.region_stages and targets is not None:
            # Another draw than the first stage's.
            seed = tf.random.fold_in(seed, 1, alg="philox")
            proposals = self.sampling.sample(proposals, targets, seed)
        features = {name: maps[name] for name in self.region_levels}
        predictions = TwoStagePredictions(
            first, features, proposals, true_shapes, gate_logits=logits
        )
        if not self.region_stages:
            return predictions
        with _boxes_inside(predictions):
            regions = self._region_predictions(predictions, shapes, training)
            if targets is None:
                votes = self._votes(features, regions[-1], training)
                return predictions._replace(regions=regions, votes=votes)
        masks = None
        if self.masks is not None:
            masks = self.masks.head.masks(regions[-1].features, training=training)
        predictions = predictions._replace(regions=regions, mask_logits=masks)
        if not supervised:
            return predictions
        found = self.supervision.predict(maps, *shapes, regions[0].priors, training)
        return predictions._replace(supervised=found)

    def priors(self, images, true_shapes, training=False):
        """The Priors of the first of all stages, as `Detector.priors`."""
        del true_shapes
        images = known_or_unknown(images)
        maps = self._read_for_proposals(self._maps(images, training=False))
        return self.first_stages[0].priors(maps, spatial_shape(images), training)

    @property
    def reports(self):
        """Whether `losses` tells of them prior by prior."""
        return any(map(reports, (*self.first_stages, *self.region_stages)))

    @property
    def takes_class_scores(self):
        """Whether `losses` learns what `Targets.class_scores` say of each box.

        The second stages do; to a first stage all objects are of one class.
        """
        stages = self.region_stages
        return bool(stages) and all(map(takes_class_scores, stages))

    def losses(self, predictions, targets, seed=None, report=None):
        """Equation 1 of Huang et al. (CVPR 2017) for each stage.

        Args:
          predictions: TwoStagePredictions.
          targets: Targets.
          seed: int32 [2], for the first stages' samplers.
          report: a list that gets a Reported of each stage; None.

        Returns:
          {name: float32 scalar}: RPNLoss/localization_loss, RPNLoss/objectness_loss,
          BoxClassifierLoss/localization_loss, BoxClassifierLoss/classification_loss
          and, for masks in training, BoxClassifierLoss/mask_loss; of further stages
          RPNLoss_2/..., BoxClassifierLoss_2/..., and of supervised maps
          ConsistentSupervisionLoss/..., of a mask mask_gate_loss. Over replicas they
          add up to the loss of the whole batch.
        """
        losses = {}
        objects = targets._replace(class_scores=None)
        for i, stage in enumerate(self.first_stages):
            own = seed if i == 0 else tf.random.fold_in(seed, i + 1, alg="philox")
            losses |= stage.losses(predictions.first[i], objects, own, report)
        for stage, found in zip(self.region_stages, predictions.regions, strict=True):
            losses |= stage.losses(found, targets, report=report)
        losses |= self._mask_losses(predictions, targets)
        if self.supervision is not None:
            losses |= self.supervision.losses(predictions.supervised, targets)
        return losses | self._mask_gate_losses(predictions, targets)

    def detect(self, predictions):
        """Predictions -> Detections; without a second stage the proposals."""
        if not self.region_stages:
            return predictions.proposals
        return super().detect(predictions)

    def candidates(self, predictions):
        """Predictions -> Candidates: the proposals; without a second stage anchors."""
        last = (predictions.regions or predictions.first)[-1]
        scores = self.scores(predictions)[..., 1:]
        return Candidates(
            boxes=last.boxes,
            # Below every threshold: padding is no detection.
            scores=tf.where(last.priors.valid[..., None], scores, -1.0),
            columns=last.all_columns(),
        )

    def instance_masks(self, predictions, found):
        """As of any Detector; None without a head of masks."""
        if self.masks is None:
            return None
        last = predictions.regions[-1]
        with _boxes_inside(predictions):
            regions = self.region_stages[-1].regions.features(
                predictions.features, found.boxes, last.image_shape
            )
        return self.masks.probabilities(regions, found)

    def decode(self, predictions):
        """Predictions -> [B, P, 4] boxes of the proposals' best classes, not clipped.

        Without a second stage: [B, A, 4] of all anchors.
        """
        if not self.region_stages:
            return predictions.first[-1].boxes[:, :, 0]
        last = predictions.regions[-1]
        return last.boxes_of(tf.argmax(last.class_logits[..., 1:], axis=-1))

    def scores(self, predictions):
        """Predictions -> [B, P, K + 1] scores; without a second stage [B, A, 2].

        Of a cascade they are the mean of what all heads say of the last boxes.
        """
        if not self.region_stages:
            return tf.nn.softmax(predictions.first[-1].class_logits)
        logits = [*predictions.votes, predictions.regions[-1].class_logits]
        scores = [self.postprocess.convert(one) for one in logits]
        return scores[0] if len(scores) == 1 else tf.add_n(scores) / len(scores)

    def static(self):
        """The same detector with region operators in the form that XLA compiles."""
        other = copy.copy(self)
        other.region_stages = [stage.static() for stage in self.region_stages]
        if self.supervision is not None:
            other.supervision = self.supervision.static()
        return other

    @classmethod
    def fields_for_xla(cls, message):
        """The first stage's suppression, and the region operator of the old API."""
        needed = ["use_static_shapes"]
        if message.number_of_stages > 1 and not message.HasField("region_operator"):
            needed.append("use_matmul_crop_and_resize")
        return needed

    def _maps(self, images, training, auxiliary=False, mask=False):
        """{level: map} of backbone and neck, perhaps their auxiliary ones."""
        backbone, neck = self.parts["backbone"], self.parts.get("neck")
        inputs = pad_to_multiple(backbone.normalize(images), self.pad_to_multiple)
        maps = backbone(inputs, training=training, **_auxiliary(mask))
        if neck is None:
            return maps
        read = {name: maps[name] for name in backbone.levels}
        return maps | neck(read, training=training, **_auxiliary(auxiliary))

    def _read_for_proposals(self, maps):
        return {name: maps[name] for name in self.proposal_levels}

    def _first_predictions(self, maps, shapes, training):
        """The Predictions of all first stages, a tuple."""
        features = self._read_for_proposals(maps)
        found, priors = [], None
        for stage in self.first_stages:
            found.append(stage.predict(features, *shapes, training, priors))
            features = found[-1].maps or features
            priors = stage.refined(found[-1])
        return tuple(found)

    def _region_predictions(self, predictions, shapes, training):
        """The Predictions of all region stages, a tuple."""
        found, priors = [], proposal_priors(predictions.proposals)
        for stage in self.region_stages:
            found.append(stage.predict(predictions.features, *shapes, priors, training))
            priors = stage.refined(found[-1])
        return tuple(found)

    def _votes(self, features, last, training):
        """What the heads of the earlier stages say of the last one's boxes."""
        return tuple(
            stage.regions(
                features, last.priors, last.image_shape, training
            ).class_logits
            for stage in self.region_stages[:-1]
        )

    def _mask_gate_losses(self, predictions, targets):
        last = (predictions.regions or predictions.first)[-1]
        last = last._replace(gate_logits=predictions.gate_logits)
        return mask_losses(self.mask_supervision, last, targets)

    def _mask_losses(self, predictions, targets):
        if predictions.mask_logits is None:
            return {}
        last = predictions.regions[-1]
        assignment = self.region_stages[-1].objective.assign(last.priors, targets, last)
        return self.masks.losses(
            predictions.mask_logits,
            last.priors.boxes,
            assignment,
            targets,
            last.image_shape,
        )


def _boxes_inside(predictions):
    """Proposals, refined and final boxes are clipped to the image; given ones are not.

    Ground truth, which is sampled in training, may be not, either; it is no engine's.
    """
    return boxes_inside(bool(predictions.first))


def _auxiliary(wanted):
    """What a call gets so that it returns auxiliary maps, too."""
    return {"auxiliary": True} if wanted else {}


def _first_of(proposals, limit):
    """The best `limit` proposals of each image."""
    limit = tf.minimum(limit, tf.shape(proposals.boxes)[1])
    rows = {n: getattr(proposals, n)[:, :limit] for n in proposals._fields[:3]}
    return proposals._replace(
        **rows,
        count=tf.minimum(proposals.count, limit),
        anchor_indices=proposals.anchor_indices[:, :limit],
    )
