"""From a FasterRcnn message to the parts of the detector."""

import functools

from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_field
from od_api.detectors.multi_task_loss import MultiTaskLoss
from od_api.detectors.proposal_sampling import ProposalSampling
from od_api.detectors.region_masks import RegionMasks
from od_api.detectors.region_proposals import RegionProposals
from od_api.detectors.region_stages import CroppedRegions, PositionSensitiveRegions
from od_api.heads.fully_connected_regions import FullyConnectedRegions
from od_api.heads.region_proposal_predictor import RegionProposalPredictor
from od_api.layers.crop_and_resize import crop_and_resize, matmul_crop_and_resize
from od_api.old_api.two_stage_extractors import typed_parts
from od_api.protos import (
    box_coder_pb2,
    losses_pb2,
    matcher_pb2,
    post_processing_pb2,
    region_similarity_calculator_pb2,
    sampler_pb2,
)
from od_api.region_operators.multilevel_crop import multilevel_crop


def faster_rcnn_parts(message):
    """The keyword arguments of a FasterRcnn detector.

    Args:
      message: a FasterRcnn message.

    Raises:
      ConfigError: what is missing, impossible or not offered, with its field.
    """
    _check(message)
    backbone, neck = _networks(message)
    levels = neck.levels if neck is not None else ["C4"]
    channels = neck.depth if neck is not None else backbone.channels["C4"]
    resizer = build_field(message, "image_resizer")
    coder = _part(message, "box_coder")
    rpn = _first_stage(message, coder, levels, channels)
    parts = {"backbone": backbone, "rpn": rpn.head}
    multiple = 1
    if neck is not None:
        neck.build({n: (None, None, None, c) for n, c in backbone.channels.items()})
        parts["neck"] = neck
        # Each level has to be exactly twice the size of the next.
        multiple = message.feature_extractor.pad_to_multiple
    arguments = {
        "parts": parts,
        "pad_to_multiple": multiple,
        "num_classes": message.num_classes,
        "resizer": resizer,
        "rpn": rpn,
    }
    if message.number_of_stages == 1:
        if backbone.second_stage is not None:
            # It waits in the checkpoint for a detector of two stages.
            backbone.second_stage.trainable = False
        return arguments
    regions = _second_stage(message, backbone, channels)
    parts["head"] = regions.head
    if backbone.second_stage is None:
        parts["regions"] = regions.network
    return {
        **arguments,
        "regions": regions,
        "sampling": _sampling(message),
        "loss": _second_stage_loss(message, coder),
        "masks": _masks(message, regions.head),
        "miner": _miner(message),
        "postprocess": build_field(
            message, "second_stage_post_processing", num_classes=message.num_classes
        ),
        "classification_weight": message.second_stage_classification_loss_weight,
        "localization_weight": message.second_stage_localization_loss_weight,
    }


def _check(message):
    if message.num_classes < 1:
        raise ConfigError("must be at least 1", "num_classes")
    if message.number_of_stages not in (1, 2, 3):
        raise ConfigError(
            f"is {message.number_of_stages}: 1 is proposals alone, 2 boxes, 3 masks",
            "number_of_stages",
        )
    refused = {
        "context_config": "attention to other frames (Context R-CNN)",
        "output_final_box_features": "the features of final boxes as an output",
        "output_final_box_rpn_features": "the cropped features as an output",
    }
    for field, meaning in refused.items():
        if message.HasField(field) and getattr(message, field):
            raise ConfigError(f"od_api does not offer {meaning}", field)


def _networks(message):
    """The backbone and, for a pyramid, the neck."""
    if not message.HasField("feature_extractor"):
        raise ConfigError(
            "is not set in FasterRcnn, and it is needed", "feature_extractor"
        )
    try:
        backbone, neck = typed_parts(message.feature_extractor)
        return build(backbone), build(neck) if neck is not None else None
    except ConfigError as error:
        raise error.within("feature_extractor") from error


def _first_stage(message, coder, levels, channels):
    anchors = build_field(message, "first_stage_anchor_generator")
    head = _first_stage_head(message, anchors)
    shape = (None, None, None, channels)
    try:
        head.build(dict.fromkeys(levels, shape))
    except ValueError as error:
        raise ConfigError(str(error), "first_stage_anchor_generator") from error
    return RegionProposals(
        head=head,
        anchors=anchors,
        assigner=_matcher(message, "first_stage_matcher"),
        loss=MultiTaskLoss(
            num_classes=1,
            box_coder=coder,
            classification_loss=build(losses_pb2.WeightedSoftmaxClassificationLoss()),
            localization_loss=_part(message, "first_stage_localization_loss"),
        ),
        sampler=build(
            sampler_pb2.BalancedSampler(
                batch_size=message.first_stage_minibatch_size,
                positive_fraction=message.first_stage_positive_balance_fraction,
            )
        ),
        suppression=_proposal_suppression(message),
        localization_weight=message.first_stage_localization_loss_weight,
        objectness_weight=message.first_stage_objectness_loss_weight,
        clip_anchors=message.clip_anchors_to_image,
    )


def _first_stage_head(message, anchors):
    hyperparams = None
    if message.HasField("first_stage_box_predictor_conv_hyperparams"):
        hyperparams = build_field(message, "first_stage_box_predictor_conv_hyperparams")
    return RegionProposalPredictor(
        anchors_per_location=anchors.per_location,
        depth=message.first_stage_box_predictor_depth,
        kernel_size=message.first_stage_box_predictor_kernel_size,
        atrous_rate=message.first_stage_atrous_rate,
        conv_hyperparams=hyperparams,
    )


def _proposal_suppression(message):
    return build(
        post_processing_pb2.BatchNonMaxSuppression(
            score_threshold=message.first_stage_nms_score_threshold,
            iou_threshold=message.first_stage_nms_iou_threshold,
            max_detections_per_class=message.first_stage_max_proposals,
            max_total_detections=message.first_stage_max_proposals,
            use_static_shapes=message.use_static_shapes,
        )
    )


def _second_stage(message, backbone, channels):
    _check_predictor(message, pyramid=backbone.second_stage is None)
    head = build_field(
        message, "second_stage_box_predictor", num_classes=message.num_classes
    )
    network = backbone.second_stage or FullyConnectedRegions(
        **_region_settings(message.feature_extractor)
    )
    crop = matmul_crop_and_resize
    if not message.use_matmul_crop_and_resize:
        crop = crop_and_resize
    predictor = message.second_stage_box_predictor.WhichOneof("box_predictor_oneof")
    try:
        if predictor == "rfcn_box_predictor":
            regions = PositionSensitiveRegions(head=head, network=network, crop=crop)
        else:
            regions = CroppedRegions(
                head=head,
                network=network,
                crop=functools.partial(multilevel_crop, crop=crop),
                crop_size=message.initial_crop_size,
                pool_size=message.maxpool_kernel_size or 1,
                pool_stride=message.maxpool_stride or 1,
            )
        regions.build(channels)
    except ValueError as error:
        raise ConfigError(str(error), "second_stage_box_predictor") from error
    return regions


def _check_predictor(message, pyramid):
    predictor = message.second_stage_box_predictor.WhichOneof("box_predictor_oneof")
    problem = None
    if predictor in (
        "convolutional_box_predictor",
        "weight_shared_convolutional_box_predictor",
    ):
        problem = (
            "is for the anchors of model.ssd; regions take mask_rcnn_box_predictor or "
            "rfcn_box_predictor"
        )
    elif predictor == "rfcn_box_predictor" and pyramid:
        problem = (
            "works on one map, and the feature extractor makes a pyramid: choose a "
            "type without _fpn, or mask_rcnn_box_predictor"
        )
    if problem:
        raise ConfigError(problem, f"second_stage_box_predictor.{predictor}")


def _region_settings(extractor):
    """Arguments of a pyramid's second stage."""
    hyperparams = None
    if extractor.HasField("conv_hyperparams"):
        hyperparams = build_field(extractor, "conv_hyperparams")
    return {
        "conv_hyperparams": hyperparams,
        "freeze_batch_norm": not extractor.batch_norm_trainable,
    }


def _sampling(message):
    size = message.second_stage_batch_size
    sampler = sampler_pb2.BalancedSampler(
        batch_size=size, positive_fraction=message.second_stage_balance_fraction
    )
    return ProposalSampling(
        assigner=_matcher(message, "second_stage_matcher"),
        # A miner chooses by the losses of all proposals.
        sampler=None if message.HasField("hard_example_miner") else build(sampler),
        size=size,
        add_ground_truth=message.add_ground_truth_to_proposals,
    )


def _second_stage_loss(message, coder):
    return MultiTaskLoss(
        num_classes=message.num_classes,
        box_coder=coder,
        classification_loss=_part(message, "second_stage_classification_loss"),
        localization_loss=_part(message, "second_stage_localization_loss"),
    )


def _masks(message, head):
    if not getattr(head, "predicts_masks", False):
        if message.number_of_stages == 3:
            raise ConfigError(
                "is 3, the stage of masks: set predict_instance_masks: true in "
                "second_stage_box_predictor.mask_rcnn_box_predictor",
                "number_of_stages",
            )
        return None
    if message.number_of_stages == 2:
        return None
    weight = message.second_stage_mask_prediction_loss_weight
    return RegionMasks(head=head, loss_weight=weight)


def _miner(message):
    if not message.HasField("hard_example_miner"):
        return None
    return build_field(message, "hard_example_miner")


def _matcher(message, field):
    similarity = build(region_similarity_calculator_pb2.IouSimilarity())
    return _part(message, field, similarity=similarity)


def _part(message, field, **context):
    """The part in a field or, where it is not set, what the old API had in its code."""
    if message.HasField(field):
        return build_field(message, field, **context)
    return build(_DEFAULTS[field], **context)


_DEFAULTS = {
    "first_stage_matcher": matcher_pb2.Matcher(
        argmax_matcher={
            "matched_threshold": 0.7,
            "unmatched_threshold": 0.3,
            "force_match_for_each_row": True,
        }
    ),
    "second_stage_matcher": matcher_pb2.Matcher(
        argmax_matcher={"matched_threshold": 0.5, "unmatched_threshold": 0.5}
    ),
    "box_coder": box_coder_pb2.BoxCoder(faster_rcnn_box_coder={}),
    "first_stage_localization_loss": losses_pb2.LocalizationLoss(weighted_smooth_l1={}),
    "second_stage_localization_loss": losses_pb2.LocalizationLoss(
        weighted_smooth_l1={}
    ),
    "second_stage_classification_loss": losses_pb2.ClassificationLoss(
        weighted_softmax={}
    ),
}
