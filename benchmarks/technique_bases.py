"""What each technique is compared with, and what is measured as one."""

from typing import NamedTuple

import toy_scale

from od_api.config.loading import load_config
from od_api.techniques.digests import base_of, digest_of_all, technique_configs

MODEL = "model.faster_rcnn"
_HEAD = f"{MODEL}.second_stage_box_predictor.mask_rcnn_box_predictor"


class WithoutTechnique(NamedTuple):
    """A base that no config has: the technique's own with some fields cleared.

    Attributes:
      cleared: paths of fields.
      why: the config that `base:` names would not do.
    """

    cleared: list
    why: str


_PYRAMID = "the config that it starts from has no pyramid, which is no part of it"
# Of all others the base is the config that their `base:` names, from which they differ
# by the technique alone.
WITHOUT = {
    "faster_rcnn_resnet101_fpn_cascade": WithoutTechnique(
        [f"{MODEL}.region_stages", f"{_HEAD}.share_box_across_classes"], _PYRAMID
    ),
    "faster_rcnn_resnet101_fpn_level_by_stride": WithoutTechnique(
        [f"{MODEL}.region_operator", f"{MODEL}.region_levels"], _PYRAMID
    ),
    "faster_rcnn_resnet101_fpn_libra": WithoutTechnique(
        [f"{MODEL}.second_stage_objective", f"{MODEL}.add_ground_truth_to_proposals"],
        _PYRAMID,
    ),
    "faster_rcnn_resnet101_deconvolve_masks": WithoutTechnique(
        [f"{_HEAD}.deconvolve_masks", f"{_HEAD}.threshold_mask_targets"],
        "the config that it starts from has no masks",
    ),
    "ssd_vgg16_low_rank_conv": WithoutTechnique(
        ["model.ssd.feature_extractor.conv_hyperparams.low_rank"],
        "the config that it starts from has another network",
    ),
}
# What training does not see: configs that differ in it alone are trained once.
_INFERENCE = (
    "inference",
    "model.ssd.post_processing",
    f"{MODEL}.second_stage_post_processing",
)


class Subject(NamedTuple):
    """A config that is measured.

    Attributes:
      label: for people.
      config: at toy scale.
      name: of all that is measured alike; it has the code of the parts in it.
      training: of all that is trained alike; so has it.
    """

    label: str
    config: object
    name: str
    training: str


def names():
    """Of the techniques, which are the files of configs/techniques."""
    return list(technique_configs())


def pair(name, make_toy):
    """(technique, base), two Subjects; the base's `label` says what it is.

    Args:
      name: one of `names`.
      make_toy: (config, keep_resnet) -> the same, small.

    Raises:
      LookupError: the config has no base.
    """
    path = technique_configs()[name]
    mine = load_config(path)
    if name in WITHOUT:
        label, base = f"{name}, without", load_config(path)
        for field in WITHOUT[name].cleared:
            _clear(base, field)
    elif base_of(path):
        base = load_config(base_of(path))
        label = base_of(path).stem
    else:
        raise LookupError(
            f"{path} has no base: name the config that it is compared with in `base:`, "
            "or add what takes the technique out to WITHOUT in "
            "benchmarks/technique_bases.py"
        )
    # Both have the same kind of network.
    keep = toy_scale.needs_resnet(mine)
    return (
        _subject(name, make_toy(mine, keep_resnet=keep)),
        _subject(label, make_toy(base, keep_resnet=keep)),
    )


def _clear(config, path):
    *parents, last = path.split(".")
    for parent in parents:
        config = getattr(config, parent)
    if not config.ListFields() or last not in {f.name for f, _ in config.ListFields()}:
        raise LookupError(f"{path} is not set, and cannot be cleared")
    config.ClearField(last)


def _subject(label, config):
    trained = type(config)()
    trained.CopyFrom(config)
    for path in _INFERENCE:
        *parents, last = path.split(".")
        message = trained
        for parent in parents:
            if not message.HasField(parent):
                break
            message = getattr(message, parent)
        else:
            message.ClearField(last)
    return Subject(label, config, digest_of_all(config), digest_of_all(trained))
