"""Chips: parts of resized images that training sees in place of whole ones."""

import numpy as np
import tensorflow as tf

from od_api.augment import _geometry as cutting
from od_api.core import boxes as geometry
from od_api.data import chip_choice, records
from od_api.data.preparation import resize
from od_api.data.tf_example import decode, keep_boxes
from od_api.layers.drawn_resizer import DrawnResizer
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer

_OUTSIDE = "a chip lies outside of its image: make the index again (od-api data chips)"


class ChipCutter:
    """Callable: (sample, chip) -> the sample as that part of its image shows it.

    The image is resized as the chip's scale says, and cut. Boxes that lie in the chip
    in part are cut at its border; those outside of the scale's sizes, by their whole
    area, are `ignored`.

    Args:
      message: Chips message.
    """

    def __init__(self, message):
        self._scales = message.scales
        self._resizers = [_resizer(scale) for scale in message.scales]

    def __call__(self, sample, chip):
        """Sample, int32 [5] (scale, top, left, height, width) -> sample."""
        scale, top, left, height, width = tf.unstack(chip)
        low, high = (
            tf.gather(tf.constant([getattr(s, end) for s in self._scales]), scale)
            for end in ("low", "high")
        )
        fits = in_range(sample["boxes"], low, high)
        sample = {**sample, "ignored": sample["ignored"] | ~fits}
        sample = resize(sample, DrawnResizer(self._resizers, scale))
        shape = sample.pop("true_shape")
        inside = (top + height <= shape[0]) & (left + width <= shape[1])
        check = tf.debugging.Assert(inside, [_OUTSIDE])
        # An op whose result nobody reads is left out of graphs: Assert is not.
        with tf.control_dependencies([] if check is None else [check]):
            sample["image"] = tf.identity(sample["image"])
        sample = cutting.cut(sample, top, left, height, width)
        return cutting.keep_visible(sample)


class ChipChoice:
    """The chips of each record, by all scales of a reader.

    Args:
      reader: InputReader message with `chips`.
      label_map: LabelMap.
      num_classes: boxes of higher classes are left out, as in training.
      seed: int; the same one gives the same chips.
    """

    def __init__(self, reader, label_map, num_classes, seed):
        self._reader, self._label_map = reader, label_map
        self._num_classes, self._seed = num_classes, seed

    def of_file(self, path, first):
        """Yields the [n, 5] int32 chips of each record of a file.

        Args:
          path: of a TFRecord.
          first: the number of its first record among all.
        """
        look = tf.autograph.experimental.do_not_convert(self._look)
        found = records.dataset([path]).map(look, tf.data.AUTOTUNE, deterministic=True)
        for number, (shape, boxes) in enumerate(found.as_numpy_iterator(), first):
            of_scales = [
                self._of_scale(i, scale, shape, boxes, number)
                for i, scale in enumerate(self._reader.chips.scales)
            ]
            yield np.concatenate([np.zeros([0, 5], np.int32), *of_scales])

    def _look(self, serialized):
        """([2] height and width, [G, 4] boxes that training learns)."""
        sample = decode(serialized, self._reader, self._label_map)
        sample = keep_boxes(sample, sample["classes"] < self._num_classes)
        learned = (geometry.area(sample["boxes"]) > 0) & ~sample["ignored"]
        return tf.shape(sample["image"])[:2], keep_boxes(sample, learned)["boxes"]

    def _of_scale(self, index, scale, shape, boxes, number):
        boxes = boxes[in_range(boxes, scale.low, scale.high).numpy()]
        size = _resizer(scale).size_of(shape).numpy()
        boxes = boxes * np.tile(size / shape, 2)
        if not scale.chip_size:
            windows = np.array([[0, 0, *size]] * bool(len(boxes)), np.int32)
        elif scale.stride:
            windows = chip_choice.best_chips(boxes, size, scale.chip_size, scale.stride)
        else:
            rng = np.random.default_rng([self._seed, number, index])
            windows = chip_choice.random_chips(
                boxes, size, scale.chip_size, rng, scale.max_tries
            )
        windows = windows.reshape(-1, 4)
        return np.concatenate(
            [np.full([len(windows), 1], index, np.int32), windows], axis=1
        )


def in_range(boxes, low, high):
    """[G, 4] -> [G] bool: the root of the area is in the range, ends included."""
    sizes = tf.sqrt(geometry.area(boxes))
    return (sizes >= low) & (sizes <= high)


def _resizer(scale):
    return KeepAspectRatioResizer(
        min_dimension=scale.min_dimension, max_dimension=scale.max_dimension
    )
