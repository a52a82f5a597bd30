"""The fields of a FasterRcnn message, and what the old API had in its code, as parts.

Each function makes the message of a part that the detector builds; what users set
stands in it as they set it, and PLACES says where.
"""

from od_api.protos import (
    box_coder_pb2,
    box_predictor_pb2,
    losses_pb2,
    matcher_pb2,
    objective_pb2,
    post_processing_pb2,
    region_network_pb2,
    region_operator_pb2,
)

# Fields that the objectives take the place of.
FIRST_STAGE_REPLACED = (
    "first_stage_matcher",
    "first_stage_minibatch_size",
    "first_stage_positive_balance_fraction",
    "first_stage_localization_loss",
    "first_stage_localization_loss_weight",
    "first_stage_objectness_loss_weight",
)
SECOND_STAGE_REPLACED = (
    "second_stage_matcher",
    "second_stage_batch_size",
    "second_stage_balance_fraction",
    "second_stage_classification_loss",
    "second_stage_localization_loss",
    "second_stage_classification_loss_weight",
    "second_stage_localization_loss_weight",
    "hard_example_miner",
)

FIRST_STAGE_PLACES = {
    "matched.matcher": "first_stage_matcher",
    "matched.localization_loss": "first_stage_localization_loss",
    "matched.localization_weight": "first_stage_localization_loss_weight",
    "matched.classification_weight": "first_stage_objectness_loss_weight",
    "matched.samplers[0].balanced_sampler.batch_size": "first_stage_minibatch_size",
    "matched.samplers[0].balanced_sampler.positive_fraction": (
        "first_stage_positive_balance_fraction"
    ),
}
SECOND_STAGE_PLACES = {
    "matched.matcher": "second_stage_matcher",
    "matched.classification_loss": "second_stage_classification_loss",
    "matched.localization_loss": "second_stage_localization_loss",
    "matched.localization_weight": "second_stage_localization_loss_weight",
    "matched.classification_weight": "second_stage_classification_loss_weight",
    "matched.samplers[0].balanced_sampler.batch_size": "second_stage_batch_size",
    "matched.samplers[0].balanced_sampler.positive_fraction": (
        "second_stage_balance_fraction"
    ),
    "matched.samplers[0].hard_example_miner": "hard_example_miner",
}
HEAD_PLACES = {
    "region_proposal_predictor.depth": "first_stage_box_predictor_depth",
    "region_proposal_predictor.kernel_size": "first_stage_box_predictor_kernel_size",
    "region_proposal_predictor.atrous_rate": "first_stage_atrous_rate",
    "region_proposal_predictor.conv_hyperparams": (
        "first_stage_box_predictor_conv_hyperparams"
    ),
    "region_proposal_predictor.predictors_per_level": (
        "first_stage_predictors_per_level"
    ),
    "region_proposal_predictor": "first_stage_anchor_generator",
}
PROPOSAL_PLACES = {
    "batch_non_max_suppression.score_threshold": "first_stage_nms_score_threshold",
    "batch_non_max_suppression.iou_threshold": "first_stage_nms_iou_threshold",
    "batch_non_max_suppression": "first_stage_max_proposals",
    "suppression": "first_stage_suppression",
}
_SMOOTH_L1 = losses_pb2.LocalizationLoss(weighted_smooth_l1={})
_SOFTMAX = losses_pb2.ClassificationLoss(weighted_softmax={})


def box_coder(message):
    """The BoxCoder of both stages."""
    return _set_or(
        message, "box_coder", box_coder_pb2.BoxCoder(faster_rcnn_box_coder={})
    )


def first_stage_head(message):
    """The BoxPredictor of the first stage."""
    head = box_predictor_pb2.RegionProposalPredictor(
        depth=message.first_stage_box_predictor_depth,
        kernel_size=message.first_stage_box_predictor_kernel_size,
        atrous_rate=message.first_stage_atrous_rate,
        predictors_per_level=message.first_stage_predictors_per_level,
    )
    if message.HasField("first_stage_box_predictor_conv_hyperparams"):
        head.conv_hyperparams.CopyFrom(
            message.first_stage_box_predictor_conv_hyperparams
        )
    return box_predictor_pb2.BoxPredictor(region_proposal_predictor=head)


def first_stage_objective(message):
    """(Objective of the first stage, {place in it: place in the message})."""
    matcher = matcher_pb2.Matcher(
        argmax_matcher={
            "matched_threshold": 0.7,
            "unmatched_threshold": 0.3,
            "force_match_for_each_row": True,
        }
    )
    matched = objective_pb2.MatchedObjective(
        matcher=_set_or(message, "first_stage_matcher", matcher),
        classification_loss=_SOFTMAX,
        localization_loss=_set_or(message, "first_stage_localization_loss", _SMOOTH_L1),
        classification_weight=message.first_stage_objectness_loss_weight,
        localization_weight=message.first_stage_localization_loss_weight,
        reduction="SAMPLED",
    )
    matched.samplers.add(
        balanced_sampler={
            "batch_size": message.first_stage_minibatch_size,
            "positive_fraction": message.first_stage_positive_balance_fraction,
        }
    )
    return objective_pb2.Objective(matched=matched), FIRST_STAGE_PLACES


def second_stage_objective(message):
    """(Objective of the second stage, {place in it: place in the message}).

    A miner takes the sampler's place: it chooses by the losses of all proposals.
    """
    matcher = matcher_pb2.Matcher(
        argmax_matcher={"matched_threshold": 0.5, "unmatched_threshold": 0.5}
    )
    matched = objective_pb2.MatchedObjective(
        matcher=_set_or(message, "second_stage_matcher", matcher),
        classification_loss=_set_or(
            message, "second_stage_classification_loss", _SOFTMAX
        ),
        localization_loss=_set_or(
            message, "second_stage_localization_loss", _SMOOTH_L1
        ),
        classification_weight=message.second_stage_classification_loss_weight,
        localization_weight=message.second_stage_localization_loss_weight,
        reduction="PRIORS",
        mine_by_priors=True,
    )
    if message.HasField("hard_example_miner"):
        matched.samplers.add(hard_example_miner=message.hard_example_miner)
    else:
        matched.samplers.add(
            balanced_sampler={
                "batch_size": message.second_stage_batch_size,
                "positive_fraction": message.second_stage_balance_fraction,
            }
        )
    return objective_pb2.Objective(matched=matched), SECOND_STAGE_PLACES


def proposal_suppression(message):
    """The PostProcessing that makes proposals of anchors."""
    selection = post_processing_pb2.BatchNonMaxSuppression(
        score_threshold=message.first_stage_nms_score_threshold,
        max_detections_per_class=message.first_stage_max_proposals,
        max_total_detections=message.first_stage_max_proposals,
        use_static_shapes=message.use_static_shapes,
    )
    own = message.HasField("first_stage_suppression")
    if not own or message.HasField("first_stage_nms_iou_threshold"):
        selection.iou_threshold = message.first_stage_nms_iou_threshold
    made = post_processing_pb2.PostProcessing(batch_non_max_suppression=selection)
    if own:
        made.suppression.CopyFrom(message.first_stage_suppression)
    return made


def region_network(extractor):
    """The FullyConnectedRegions of a pyramid's FasterRcnnFeatureExtractor."""
    network = region_network_pb2.FullyConnectedRegions(
        freeze_batch_norm=not extractor.batch_norm_trainable
    )
    if extractor.HasField("conv_hyperparams"):
        network.conv_hyperparams.CopyFrom(extractor.conv_hyperparams)
    return network


def region_operator():
    """The RegionOperator of the old API."""
    return region_operator_pb2.RegionOperator(crop_and_resize={})


def _set_or(message, field, default):
    """What a field holds, or a default where it is not set."""
    return getattr(message, field) if message.HasField(field) else default
