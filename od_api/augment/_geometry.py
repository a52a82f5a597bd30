"""Image and ground truth moved together: seen through a window, resized, mirrored.

Boxes and keypoints are in pixels, so an edge at x lies between the columns x - 1 and x.
"""

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core import resampling
from od_api.core.errors import UserError
from od_api.core.sample import keep_boxes

LUMA = (0.2989, 0.5870, 0.1140)


def size(sample):
    """(h, w) of the image, int32 scalars."""
    shape = tf.shape(sample["image"])
    return shape[0], shape[1]


def view(sample, top, left, height, width, color=None):
    """The sample seen through a window that may reach beyond the image.

    Boxes and keypoints are moved, not clipped or dropped.

    Args:
      top, left: int32, the window's corner in pixels of the image; may be negative.
      height, width: int32, the window's size.
      color: [3] float32 of what lies beyond the image; black if None.
    """
    h, w = size(sample)
    y = _span(top, height, h)
    x = _span(left, width, w)
    image = sample["image"]
    color = tf.zeros([3]) if color is None else tf.cast(color, tf.float32)
    # Padding with zeros and adding the colour after: exact for the image's own pixels.
    inside = _cut_and_pad(tf.ones_like(image[..., :1]), y, x, axis=0)
    seen = _cut_and_pad(image, y, x, axis=0) + (1.0 - inside) * color
    seen.set_shape([_static(height), _static(width), image.shape[-1]])
    moved = {**sample, "image": seen}
    if "masks" in sample:
        moved["masks"] = _cut_and_pad(sample["masks"], y, x, axis=1)
    return shift(moved, -top, -left)


def cut(sample, top, left, height, width):
    """The sample seen through a window inside the image; pixels of any type.

    Boxes and keypoints are moved, not clipped or dropped.

    Args:
      top, left: int32, the window's corner in pixels of the image.
      height, width: int32, the window's size.
    """
    y, x = slice(top, top + height), slice(left, left + width)
    seen = sample["image"][y, x]
    seen.set_shape([_static(height), _static(width), sample["image"].shape[-1]])
    moved = {**sample, "image": seen}
    if "masks" in sample:
        moved["masks"] = sample["masks"][:, y, x]
    return shift(moved, -top, -left)


def shift(sample, down, right):
    """Boxes and keypoints moved by `down` and `right` pixels; the image stays."""
    offset = tf.cast(tf.stack([down, right]), tf.float32)
    moved = {**sample, "boxes": sample["boxes"] + tf.tile(offset, [2])}
    if "keypoints" in sample:
        moved["keypoints"] = sample["keypoints"] + offset
    return moved


def keep_visible(sample, overlap_thresh=0.0, clip=True):
    """Only the boxes that overlap the image, after a change of window.

    Args:
      overlap_thresh: scalar; boxes with a smaller part of their area inside are
        dropped, and so are, whatever it is, those that only touch the image.
      clip: bool scalar; clip boxes to the image, and unset keypoints outside of it (NaN
        coordinates, visibility 0).
    """
    h, w = (tf.cast(s, tf.float32) for s in size(sample))
    window = tf.stack([0.0, 0.0, h, w])
    boxes = sample["boxes"]
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    touches = (ymin < h) & (xmin < w) & (ymax > 0) & (xmax > 0)
    inside = box_ops.ioa(window, boxes)
    sample = keep_boxes(sample, touches & (inside >= overlap_thresh))
    clipped = _clipped(sample, window)
    return {**sample, **{k: tf.where(clip, v, sample[k]) for k, v in clipped.items()}}


def resize(sample, height, width, method="BILINEAR", align_corners=False):
    """The sample with its image resized; masks by nearest neighbour, boxes scaled.

    Pixels are those of the old API, without half-pixel centres, see `core/resampling`.
    """
    h, w = size(sample)
    shape = tf.stack([height, width])
    image = resampling.resample(sample["image"], shape, method, align_corners)
    image.set_shape([_static(height), _static(width), sample["image"].shape[-1]])
    y_factor = tf.cast(height, tf.float32) / tf.cast(h, tf.float32)
    x_factor = tf.cast(width, tf.float32) / tf.cast(w, tf.float32)
    resized = {
        **sample,
        "image": image,
        "boxes": box_ops.scale(sample["boxes"], y_factor, x_factor),
    }
    if "scale" in sample:
        resized["scale"] = sample["scale"] * tf.sqrt(y_factor * x_factor)
    if "masks" in sample:
        resized["masks"] = resampling.resample_masks(
            sample["masks"], shape, align_corners
        )
    if "keypoints" in sample:
        resized["keypoints"] = sample["keypoints"] * tf.stack([y_factor, x_factor])
    return resized


def scaled_size(sample, factor):
    """(h, w) times a float, rounded down, at least 1; int32 scalars."""
    return tuple(
        tf.maximum(tf.cast(tf.cast(s, tf.float32) * factor, tf.int32), 1)
        for s in size(sample)
    )


def mirror(sample, axis, permutation=()):
    """The sample mirrored.

    Args:
      axis: 0 turns top and bottom round, 1 left and right.
      permutation: which keypoint becomes which, such as left eye and right eye.

    Raises:
      UserError: the sample has keypoints and there is no permutation.
    """
    extent = tf.cast(size(sample)[axis], tf.float32)
    edges = tf.unstack(sample["boxes"], axis=-1)
    edges[axis], edges[axis + 2] = extent - edges[axis + 2], extent - edges[axis]
    flipped = {
        **sample,
        "image": tf.reverse(sample["image"], [axis]),
        "boxes": tf.stack(edges, axis=-1),
    }
    if "masks" in sample:
        flipped["masks"] = tf.reverse(sample["masks"], [axis + 1])
    if "keypoints" in sample:
        if not permutation:
            raise UserError(
                "the records hold keypoints, and a flip needs to know which of them "
                "change places: set keypoint_flip_permutation"
            )
        yx = tf.unstack(sample["keypoints"], axis=-1)
        yx[axis] = extent - yx[axis]
        flipped["keypoints"] = tf.stack(yx, axis=-1)
        flipped = permute_keypoints(flipped, permutation)
    return flipped


def permute_keypoints(sample, permutation):
    """Keypoints and their visibilities reordered: the new i is the old permutation[i].

    Raises:
      UserError: the permutation is not one of the sample's keypoints.
    """
    count = sample["keypoints"].shape[1]
    if count is not None and sorted(permutation) != list(range(count)):
        raise UserError(
            f"the keypoint permutation {list(permutation)} does not name each of the "
            f"{count} keypoints of the records once, from 0 to {count - 1}"
        )
    permuted = dict(sample)
    for name in ("keypoints", "keypoint_visibilities"):
        if name in sample:
            permuted[name] = tf.gather(sample[name], permutation, axis=1)
    return permuted


def gray(image):
    """[h, w, 3] -> [h, w, 1] luma, 0.2989 R + 0.5870 G + 0.1140 B."""
    return tf.reduce_sum(image * LUMA, axis=-1, keepdims=True)


def _clipped(sample, window):
    kept = {"boxes": box_ops.clip(sample["boxes"], window)}
    if "keypoints" in sample:
        points = sample["keypoints"]
        inside = tf.reduce_all((points >= 0.0) & (points <= window[2:]), axis=-1)
        kept["keypoints"] = tf.where(inside[..., None], points, float("nan"))
        if "keypoint_visibilities" in sample:
            seen = sample["keypoint_visibilities"]
            kept["keypoint_visibilities"] = tf.where(inside, seen, tf.zeros_like(seen))
    return kept


def _span(start, length, extent):
    """One axis of a window: (first, end, before, after), the cut and its padding."""
    first = tf.clip_by_value(start, 0, extent)
    end = tf.clip_by_value(start + length, first, extent)
    before = tf.clip_by_value(-start, 0, length)
    return first, end, before, length - before - (end - first)


def _cut_and_pad(pixels, y, x, axis):
    """[..., h, w, ...] with h at `axis`, cut and zero-padded as two `_span`s say."""
    batch = (slice(None),) * axis
    cut = pixels[(*batch, slice(y[0], y[1]), slice(x[0], x[1]))]
    rest = pixels.shape.rank - axis - 2
    padding = [[0, 0]] * axis + [[y[2], y[3]], [x[2], x[3]]] + [[0, 0]] * rest
    return tf.pad(cut, padding)


def _static(value):
    value = tf.get_static_value(value)
    return None if value is None else int(value)
