"""Old weights and what has to be said of them, for a detector."""

import re
from typing import NamedTuple

from od_api.checkpoints.finite_weights import not_finite
from od_api.checkpoints.importing.old_weights import read_old_weights
from od_api.checkpoints.importing.placing import placed
from od_api.core.errors import UserError
from od_api.core.printable import printable

_OLD_RESNET = re.compile(r"(^|/)(resnet_v1_\d+/conv1/weights|conv1_conv/kernel)$")
_FOLDED = (
    "its batch norm is folded into the kernels, so that {} batch norms here do nothing "
    "but add an offset: to train on, keep them as they are (freeze_batch_norm: true "
    "of a backbone, batch_norm {{ train: false }} of conv_hyperparams)"
)
_LEVELS = re.compile(r"FirstStage.*/Convolutional(Box|Class)Head_[1-9]/")
_OWN_PREDICTORS = (
    "its first stage has predictors of its own for each level of the pyramid, of which "
    "the finest level's are taken for all: first_stage_predictors_per_level: true in "
    "faster_rcnn makes the model the one that these weights were trained in"
)
_PADDING = (
    "its ResNet pooled with other padding: old_padding: true in the feature extractor "
    "makes the model the one that these weights were trained in"
)


_SMOOTHING = re.compile(r"(^|/)smoothing_\d+/")
_SUMS = (
    "its pyramid passed sums down before they are smoothed: unsmoothed_sums: true in "
    "fpn makes the model the one that these weights were trained in"
)


class OldSource(NamedTuple):
    """Old weights by our names.

    Attributes:
      path: what they were read from.
      kind: of file, in words.
      values: {our name: array}; shapes may differ from the detector's.
      origins: {our name: what the array is or was made of}.
      averages: {our name: array}, moving averages where the file has any, else values;
        empty where it has none.
      unused: old names that went nowhere.
      optimizer: how many tensors of an optimizer there were, which stay behind.
      notes: sentences that whoever uses the weights must know.
    """

    path: str
    kind: str
    values: dict
    origins: dict
    averages: dict
    unused: list
    optimizer: int
    notes: list


def old_source(path, variables, parts):
    """The OldSource at a path, or None where no other program's weights are there.

    Args:
      path: see `read_old_weights`.
      variables: {name: variable} of the detector.
      parts: its parts.

    Raises:
      UserError: damaged, or not finite.
    """
    old = read_old_weights(path)
    return None if old is None else source_of(old, variables, parts)


def source_of(old, variables, parts):
    """The OldSource of OldWeights."""
    found = placed(old, parts, variables)
    averages = {}
    if old.averages:
        averaged = old._replace(arrays={**old.arrays, **old.averages})
        averages = placed(averaged, parts, variables).values
    bad = not_finite({"weights": found.values, "averages": averages})
    if bad:
        raise UserError(
            f"{printable(old.path)} holds {len(bad)} tensors that are not finite "
            f"({', '.join(bad[:3])}): its training had diverged"
        )
    return OldSource(
        old.path,
        old.kind,
        found.values,
        found.origins,
        averages,
        found.unused,
        old.optimizer,
        _notes(old, found, parts),
    )


def _notes(old, found, parts):
    notes = [_FOLDED.format(found.folded)] if found.folded else []
    if has_old_resnet(old) and not getattr(parts.get("backbone"), "old_padding", True):
        notes.append(_PADDING)
    neck = parts.get("neck")
    if has_unsmoothed_sums(old) and not getattr(neck, "unsmoothed_sums", True):
        notes.append(_SUMS)
    if has_level_predictors(found.unused):
        notes.append(_OWN_PREDICTORS)
    return notes


def has_old_resnet(old):
    """Whether the weights are of a ResNet of slim or of the old API."""
    return any(_OLD_RESNET.search(name) for name in old.arrays)


def has_unsmoothed_sums(old):
    """Whether the weights are of a pyramid whose sums go down unsmoothed."""
    return old.slim and any(map(_SMOOTHING.search, old.arrays))


def has_level_predictors(names):
    """Whether tensors are of a first stage's predictors of coarser levels."""
    return any(map(_LEVELS.search, names))
