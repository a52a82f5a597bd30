"""Anchors for a config's records: the means of clusters of its boxes."""

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.registry import build_field
from od_api.data.batch_fields import targets_of
from od_api.data.seen_boxes import priors_of, seen_batches

# Clusters settle long before.
_MOST_ROUNDS = 300
_FIELD = {"faster_rcnn": "first_stage_anchor_generator"}


def distances(sizes, centers):
    """[n, 2], [k, 2] heights and widths -> [n, k]: 1 - IoU of boxes of one centre."""
    sizes, centers = sizes[:, None], centers[None]
    overlap = np.prod(np.minimum(sizes, centers), axis=-1)
    return 1.0 - overlap / (sizes.prod(axis=-1) + centers.prod(axis=-1) - overlap)


def clusters(sizes, count, seed=0):
    """The means of clusters of boxes whose distance is 1 - IoU.

    The first centres are boxes, drawn with a probability that grows with the distance
    from those drawn already; a cluster that loses all its boxes stays where it is.
    Source: Redmon and Farhadi, YOLO9000, CVPR 2017, section 2 ("dimension clusters").

    Args:
      sizes: [n, 2] heights and widths, above 0.
      count: k, at most the number of different sizes.
      seed: of the draws.

    Returns:
      [k, 2], by area.

    Raises:
      UserError: there are fewer different sizes than that.
    """
    different = len(np.unique(sizes, axis=0))
    if not 1 <= count <= different:
        raise UserError(
            f"{count} anchors are asked for, of boxes of {different} different sizes"
        )
    centers = _first_centers(sizes, count, np.random.default_rng(seed))
    nearest = None
    for _ in range(_MOST_ROUNDS):
        before, nearest = nearest, distances(sizes, centers).argmin(axis=1)
        if np.array_equal(before, nearest):
            break
        for i in np.unique(nearest):
            centers[i] = sizes[nearest == i].mean(axis=0)
    return centers[np.argsort(centers.prod(axis=1), kind="stable")]


def _first_centers(sizes, count, random):
    centers = sizes[[random.integers(len(sizes))]]
    while len(centers) < count:
        away = distances(sizes, centers).min(axis=1)
        # What is a centre already has rounding left of its distance.
        away = np.where(away > 1e-9, away, 0.0)
        chosen = random.choice(len(sizes), p=away / away.sum())
        centers = np.concatenate([centers, sizes[[chosen]]])
    return centers


def anchors_of(config, count, *, seed=0, reader=None, max_images=None):
    """A block of a config: anchors that fit its records.

    Boxes are measured in pixels of the network's input. The smallest clusters go to the
    finest map, and each map has as many, or one less.

    Args:
      config: TrainEvalPipelineConfig.
      count: anchors of all maps together, at least one for each.
      seed: of the clusters.
      reader, max_images: as `seen_batches`.

    Returns:
      Text to paste into the config's model.

    Raises:
      ConfigError, UserError: as `seen_batches`; a model without anchors; more anchors
        than boxes, or fewer than maps.
    """
    detector = build_field(config, "model")
    sizes, priors = [np.zeros([0, 2])], None
    for batch in seen_batches(config, detector, reader, max_images):
        if priors is None:
            priors = priors_of(detector, batch["image"].shape, batch["true_shape"])
        boxes = tf.boolean_mask(batch["boxes"], targets_of(batch).objects).numpy()
        sizes.append(np.float64(boxes[:, 2:] - boxes[:, :2]))
    sizes = np.concatenate(sizes)
    sizes = sizes[(sizes > 0.0).all(axis=1)]
    found = clusters(sizes, count, seed)
    mean = 1.0 - distances(sizes, found).min(axis=1).mean()
    field = _FIELD.get(config.model.WhichOneof("model"), "anchor_generator")
    return _block(field, found, _strides(priors), mean)


def _strides(priors):
    """[(y, x)] whole pixels of each map's cells."""
    levels, strides = priors.levels.numpy(), priors.strides.numpy()
    _, first = np.unique(levels, return_index=True)
    return [tuple(round(float(s)) for s in strides[i]) for i in first]


def _block(field, sizes, strides, mean):
    if len(sizes) < len(strides):
        raise UserError(
            f"{len(sizes)} anchors are too few: there are {len(strides)} maps, and "
            "each needs one"
        )
    lines = [
        f"# The mean IoU of the boxes with their nearest size is {mean:.3f}.",
        f"{field} {{",
        "  flexible_grid_anchor_generator {",
    ]
    for (y, x), own in zip(strides, np.array_split(sizes, len(strides)), strict=True):
        base = np.sqrt(own.prod(axis=1))
        ratios = own[:, 1] / own[:, 0]
        lines += [
            "    anchor_grid {",
            f"      base_sizes: [{_numbers(base, 1)}]",
            f"      aspect_ratios: [{_numbers(ratios, 3)}]",
            f"      height_stride: {y} width_stride: {x}",
            f"      height_offset: {y // 2} width_offset: {x // 2}",
            "    }",
        ]
    return "\n".join([*lines, "  }", "}"])


def _numbers(values, digits):
    return ", ".join(f"{value:.{digits}f}" for value in values)
