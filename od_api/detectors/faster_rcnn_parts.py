"""From a FasterRcnn message to the parts of the detector."""

from od_api.core.errors import ConfigError, MissingPart
from od_api.core.registry import build, build_field
from od_api.core.types import MapSpecs
from od_api.detectors.branched_detector import branch_ranges
from od_api.detectors.dense_stage import Border, DenseStage
from od_api.detectors.levels_read import built_parts, levels_read
from od_api.detectors.mask_supervision import mask_supervision_of
from od_api.detectors.objective_field import objective_of
from od_api.detectors.proposal_sampling import ProposalSampling
from od_api.detectors.region_masks import RegionMasks
from od_api.detectors.region_parts import RegionParts
from od_api.detectors.region_stage import RegionStage
from od_api.detectors.stage import StageNames
from od_api.detectors.stage_fields import listed_stages, refuse_falling_iou
from od_api.layers.fused_batch_norm import learn_where_frozen
from od_api.old_api import two_stage_messages as old
from od_api.old_api.two_stage_extractors import typed_parts

_NO_MAPS = MapSpecs(strides={}, channels={})
_OF_REGIONS = (
    "region_operator",
    "region_levels",
    "region_stages",
    "consistent_supervision",
)


def faster_rcnn_parts(message):
    """The keyword arguments of a FasterRcnn detector.

    Args:
      message: a FasterRcnn message.

    Raises:
      ConfigError: what is missing, impossible or not offered, with its field.
    """
    _check(message)
    backbone, neck = _networks(message)
    read = levels_read(message, backbone, neck)
    resizer = build_field(message, "image_resizer")
    branches = backbone.branches
    first_stages = _first_stages(message, read.proposals, branches)
    parts = {"backbone": backbone}
    parts |= {_nth("rpn", i): stage.head for i, stage in enumerate(first_stages)}
    multiple = 1
    if neck is not None:
        neck.build(backbone.specs.shapes)
        parts["neck"] = neck
        # Each level has to be exactly twice the size of the next.
        multiple = message.feature_extractor.pad_to_multiple
    arguments = {
        "parts": parts,
        "pad_to_multiple": multiple,
        "num_classes": message.num_classes,
        "resizer": resizer,
        "first_stages": first_stages,
        "proposal_levels": read.proposals.levels,
        "region_levels": read.regions.levels,
        "mask_supervision": mask_supervision_of(message, backbone),
    }
    if message.number_of_stages == 1:
        _freeze_as_of_old(message, parts)
        if backbone.second_stage is not None:
            # It waits in the checkpoint for a detector of two stages.
            backbone.second_stage.trainable = False
        return {**arguments, "postprocess": _of_proposals(message)}
    stages = _region_stages(message, backbone, read.regions)
    parts |= _parts_of_regions(stages, backbone)
    supervision = _supervision(message, backbone, neck)
    if supervision is not None:
        own = _parts_of_regions([supervision.stage], backbone)
        parts |= {f"supervision_{name}": part for name, part in own.items()}
    _freeze_as_of_old(message, parts)
    return {
        **arguments,
        "region_stages": stages,
        "supervision": supervision,
        "sampling": ProposalSampling(
            objective=stages[0].objective,
            add_ground_truth=message.add_ground_truth_to_proposals,
        ),
        "masks": _masks(message, stages[-1].regions.head),
        "postprocess": build_field(
            message,
            "second_stage_post_processing",
            num_classes=message.num_classes,
            columns=(),
        ),
    }


def _check(message):
    if message.num_classes < 1:
        raise ConfigError("must be at least 1", "num_classes")
    if message.number_of_stages not in (1, 2, 3):
        raise ConfigError(
            f"is {message.number_of_stages}: 1 is proposals alone, 2 boxes, 3 masks",
            "number_of_stages",
        )
    for field in _OF_REGIONS:
        if message.number_of_stages == 1 and _is_set(message, field):
            raise ConfigError(
                "is set, and with number_of_stages: 1 no regions are read", field
            )
    refused = {
        "context_config": (
            "attention to other frames (Context R-CNN): remove the field to train "
            "the same Faster R-CNN on single images"
        ),
        "output_final_box_features": "the features of final boxes as an output",
        "output_final_box_rpn_features": "the cropped features as an output",
    }
    for field, meaning in refused.items():
        if message.HasField(field) and getattr(message, field):
            raise MissingPart(f"od_api does not offer {meaning}", field)


def _freeze_as_of_old(message, parts):
    """Of a `type` of the old API, frozen batch norm keeps its statistics alone."""
    if message.feature_extractor.type:
        for part in parts.values():
            learn_where_frozen(part)


def _is_set(message, field):
    return any(found.name == field for found, _ in message.ListFields())


def _networks(message):
    """The backbone and, for a pyramid, the neck."""
    if not message.HasField("feature_extractor"):
        raise ConfigError(
            "is not set in FasterRcnn, and it is needed", "feature_extractor"
        )
    try:
        extractor = message.feature_extractor
        return built_parts(extractor, *typed_parts(extractor), joins_branches=True)
    except ConfigError as error:
        raise error.within("feature_extractor") from error


def _nth(name, i):
    """What stage i adds to a name: "head", "head_2", "head_3"."""
    return name if i == 0 else f"{name}_{i + 1}"


def _parts_of_regions(stages, backbone):
    """{key of a checkpoint: layer} of all region stages; what is shared stands once."""
    parts = {}
    for i, stage in enumerate(stages):
        regions = stage.regions
        parts[_nth("head", i)] = regions.head
        if regions.network not in (None, backbone.second_stage):
            parts[_nth("regions", i)] = regions.network
        layer = regions.operator.layer
        if layer is not None and layer not in parts.values():
            parts[_nth("region_operator", i)] = layer
    return parts


def _first_stages(message, maps, branches):
    """The DenseStages in their order; the last one proposes."""
    anchors = build_field(message, "first_stage_anchor_generator")
    learned = _learned(branches, "OBJECTS")
    stages = []
    for i, fields in enumerate(listed_stages(message, "first_stages")):
        head = fields.build(
            "box_predictor",
            lambda **context: _old_head(message, **context),
            anchors_per_location=anchors.per_location,
            num_classes=1,
            add_background_class=True,
        )
        _build_head(head, maps.shapes, "first_stage_anchor_generator")
        maps = _handed_on(head, maps)
        coder = fields.build("box_coder", lambda: _box_coder(message))
        stages.append(
            DenseStage(
                head=head,
                anchors=anchors if i == 0 else None,
                box_coder=coder,
                objective=objective_of(
                    message,
                    old.first_stage_objective,
                    old.FIRST_STAGE_REPLACED,
                    fields.objectives("first_stage_objective"),
                    num_classes=1,
                    num_levels=len(anchors.per_location),
                    add_background_class=True,
                    box_coder=coder,
                    **learned,
                ),
                border=Border(clip=message.clip_anchors_to_image) if i == 0 else None,
                names=StageNames(_nth("RPNLoss", i) + "/", True, fields.loss_weight),
            )
        )
    stages[-1].suppression = _of_proposals(message).selection
    return stages


def _of_proposals(message):
    """The PostProcessing that makes proposals of anchors."""
    try:
        return build(old.proposal_suppression(message), columns=())
    except ConfigError as error:
        raise error.moved(old.PROPOSAL_PLACES) from error


def _old_head(message, **context):
    try:
        return build(old.first_stage_head(message), **context)
    except ConfigError as error:
        raise error.moved(old.HEAD_PLACES) from error


def _box_coder(message):
    if message.HasField("box_coder"):
        return build_field(message, "box_coder")
    return build(old.box_coder(message))


def _handed_on(head, maps):
    """MapSpecs of what the next stage reads: the same, or maps that the head makes."""
    depth = getattr(head, "handed_on", None)
    if depth is None:
        return maps
    return maps._replace(channels=dict.fromkeys(maps.levels, depth))


def _build_head(head, shapes, field):
    try:
        head.build(shapes)
    except ValueError as error:
        raise ConfigError(str(error), field) from error


def _region_stages(message, backbone, maps):
    """The RegionStages in their order."""
    parts = RegionParts(message, backbone, maps)
    stages = []
    for i, fields in enumerate(listed_stages(message, "region_stages")):
        names = StageNames(
            _nth("BoxClassifierLoss", i) + "/", weight=fields.loss_weight
        )
        stages.append(_region_stage(message, backbone, fields, parts.of(fields), names))
    refuse_falling_iou(message, stages)
    return stages


def _region_stage(message, backbone, fields, regions, names):
    learned = _learned(backbone.branches, "OBJECTS", "PRIORS")
    coder = fields.build("box_coder", lambda: _box_coder(message))
    objective = objective_of(
        message,
        old.second_stage_objective,
        old.SECOND_STAGE_REPLACED,
        fields.objectives("second_stage_objective"),
        num_classes=message.num_classes,
        add_background_class=True,
        box_coder=coder,
        **learned,
    )
    _check_objective(objective, fields)
    return RegionStage(
        regions=regions, box_coder=coder, objective=objective, names=names
    )


def _learned(branches, *measured):
    """What an objective is built with where each branch learns sizes of its own."""
    rules = branch_ranges(branches, *measured)
    if not rules:
        return {}
    return {"branch_ranges": rules, "required": ("branch_ranges",)}


def _supervision(message, backbone, neck):
    """The ConsistentSupervision, whose stage is another like the first; None."""
    if not message.HasField("consistent_supervision"):
        return None
    fields = listed_stages(message, "region_stages")[0]

    def make_stage(maps, names):
        parts = RegionParts(message, backbone, maps, map_by_map=True)
        return _region_stage(message, backbone, fields, parts.of(fields), names)

    return build_field(
        message,
        "consistent_supervision",
        auxiliary=_NO_MAPS if neck is None else neck.auxiliary,
        make_stage=make_stage,
    )


def _check_objective(objective, fields):
    if not hasattr(objective, "draw"):
        place, _, _ = fields.where("objective", "second_stage_objective")
        raise ConfigError(
            "does not say which proposals are drawn, which the stages of regions need: "
            "use matched",
            place,
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
    return RegionMasks(
        head=head,
        loss_weight=weight,
        threshold_targets=head.thresholds_mask_targets,
    )
