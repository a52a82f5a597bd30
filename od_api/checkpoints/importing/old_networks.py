"""What a config must say for old weights to compute what they did."""

import math

from od_api.checkpoints.importing.old_sources import (
    has_level_predictors,
    has_old_resnet,
    has_unsmoothed_sums,
)
from od_api.core.errors import ConfigError
from od_api.old_api import feature_extractor_aliases, two_stage_extractors
from od_api.protos import hyperparams_pb2

_TYPED = {
    "ssd": feature_extractor_aliases.typed_parts,
    "faster_rcnn": two_stage_extractors.typed_parts,
}
# A layer of MobileNet v1 that every config leaves as wide as the paper has it.
_LAYER, _DEPTH = "conv_pw_6/kernel", 512
# Of slim's ResNets.
_RELU, _EPSILON = hyperparams_pb2.Hyperparams.RELU, 1e-5


def with_old_network(config, old):
    """(A config whose network is that of the weights, the fields that this set).

    Args:
      config: TrainEvalPipelineConfig.
      old: OldWeights.
    """
    changed = type(config)()
    changed.CopyFrom(config)
    fields = []
    for find in (_backbone, _pyramid, _first_stage):
        place, part, settings = find(changed)
        found = [name for name, applies in settings if applies(part, old)]
        for field in found:
            setattr(place, field, True)
        fields += found
    return changed, fields


def _backbone(config):
    """(Message that old settings are set in, backbone's message, its settings)."""
    kind = config.model.WhichOneof("model")
    detector = getattr(config.model, kind) if kind else None
    if kind == "classifier":
        part = _member(detector.backbone)
        return part, part, _OF_BACKBONES
    if kind not in _TYPED:
        return None, None, ()
    extractor = detector.feature_extractor
    if extractor.HasField("backbone"):
        part = _member(extractor.backbone)
        return part, part, _OF_BACKBONES
    try:
        backbone, _ = _TYPED[kind](extractor)
    except ConfigError:  # building the detector says it, with its place
        return None, None, ()
    return extractor, _member(backbone), _OF_BACKBONES


def _pyramid(config):
    """The same of the pyramid."""
    kind = config.model.WhichOneof("model")
    if kind not in _TYPED:
        return None, None, ()
    place = extractor = getattr(config.model, kind).feature_extractor
    if extractor.neck.WhichOneof("neck_oneof") == "fpn":
        place = extractor.neck.fpn
    elif "_fpn" in extractor.type:
        place = extractor.fpn
    else:
        return None, None, ()
    return place, place, (("unsmoothed_sums", _smooths_apart),)


def _first_stage(config):
    """The same of the head that proposes: (message, message, its settings)."""
    if config.model.WhichOneof("model") != "faster_rcnn":
        return None, None, ()
    place, field = config.model.faster_rcnn, "first_stage_predictors_per_level"
    first = place.first_stages[0] if place.first_stages else None
    if first is not None and first.HasField("box_predictor"):
        place, field = first.box_predictor, "predictors_per_level"
        if place.WhichOneof("box_predictor_oneof") != "region_proposal_predictor":
            return None, None, ()
        place = place.region_proposal_predictor
    settings = () if getattr(place, field) else ((field, _predicts_level_by_level),)
    return place, place, settings


def _member(backbone):
    name = backbone.WhichOneof("backbone_oneof")
    return getattr(backbone, name) if name else None


def _has(part, field):
    return part is not None and field in part.DESCRIPTOR.fields_by_name


def _pads_as_of_old(part, old):
    return _has(part, "old_padding") and not part.old_padding and has_old_resnet(old)


def _overrides_as_slim(part, old):
    """Whether conv_hyperparams say what did not reach all of a ResNet of slim's."""
    if not _has(part, "old_slim_override") or part.old_slim_override or not old.slim:
        return False
    settings = part.conv_hyperparams
    norm = settings.batch_norm
    other_norm = norm.HasField("epsilon") and not math.isclose(
        norm.epsilon, _EPSILON, rel_tol=1e-3
    )
    return has_old_resnet(old) and (settings.activation != _RELU or other_norm)


def _smooths_apart(part, old):
    return has_unsmoothed_sums(old) and not part.unsmoothed_sums


def _multiplies_twice(part, old):
    if not _has(part, "old_depth_multiplier") or part.old_depth_multiplier or old.slim:
        return False
    wide = {n: v.shape[-1] for n, v in old.arrays.items() if n.endswith(_LAYER)}
    once = int(_DEPTH * round(part.depth_multiplier, 6))
    twice = max(int(once * round(part.depth_multiplier, 6)), part.min_depth)
    return twice != once and twice in wide.values()


def _predicts_level_by_level(_, old):
    return has_level_predictors(old.arrays)


_OF_BACKBONES = (
    ("old_padding", _pads_as_of_old),
    ("old_slim_override", _overrides_as_slim),
    ("old_depth_multiplier", _multiplies_twice),
)
