"""One record on its way into a batch: decode, augment, resize."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import sample as samples
from od_api.core.shapes import scale_between
from od_api.data.tf_example import decode, keep_boxes
from od_api.pictures import rle

_fold = tf.random.experimental.stateless_fold_in

# What a batch has one value of for every box.
PER_BOX = (*samples.PER_BOX_FIELDS, "area", "mask_counts", "valid")


class Recipe(NamedTuple):
    """What becomes of a record.

    Attributes:
      resizer: one of `od_api/resizers`.
      num_classes: K; boxes of higher classes are left out.
      label_map: LabelMap, or None for records with class numbers.
      augmentations: callables `augment(sample, seed)`, in order.
      keep_originals: adds `original_image`, before augmentation.
      sized: `(position, seed) -> resizer` of the record there; None: `resizer`.
      chips: `(sample, chip) -> sample`, what is seen of a record; None: all of it.
      class_scores: `(sample, num_classes) -> sample` with what its boxes are to be
        called, in training; None: their classes.
    """

    resizer: Any
    num_classes: int
    label_map: Any = None
    augmentations: tuple = ()
    keep_originals: bool = False
    sized: Any = None
    chips: Any = None
    class_scores: Any = None


class Preparation:
    """Callable: (position, serialized tf.Example) -> what one image gives to a batch.

    A third argument is the record's chip, int32 [5].

    Args:
      reader: InputReader message.
      recipe: Recipe.
      training: at most max_number_of_boxes boxes, none without extent, and no `area`,
        which augmentation would make wrong. Otherwise all boxes, and at least one row,
        what is known of the image's classes, and with masks `mask_counts`, which hold
        those of the file.
      seed: two ints, the second one perhaps a scalar integer tensor.
    """

    def __init__(self, reader, recipe, training, seed):
        self._reader, self._recipe, self._training = reader, recipe, training
        self._seed = seed[0] & 0x7FFFFFFF, seed[1]

    def __call__(self, position, serialized, chip=None):
        sample = decode(
            serialized, self._reader, self._recipe.label_map, not self._training
        )
        sample = keep_boxes(sample, sample["classes"] < self._recipe.num_classes)
        if "image_class_ids" in sample:
            ids = sample.pop("image_class_ids")
            sample["image_classes"] = tf.cast(self._one_of_each(ids), tf.float32)
        sample["original_shape"] = tf.shape(sample["image"])[:2]
        sample["scale"] = tf.ones([])
        if self._recipe.keep_originals:
            sample["original_image"] = tf.cast(sample["image"], tf.float32)
        if self._training:
            del sample["area"], sample["group_of"]
        else:
            sample["any_verified"] = tf.size(sample["verified_classes"]) > 0
            for name in samples.KNOWN_CLASSES:
                sample[name] = self._one_of_each(sample[name])
        if not self._training and "masks" in sample:
            sample["mask_counts"] = _packed(sample["masks"])
        if chip is not None:
            sample = self._recipe.chips(sample, chip)
        sample = self._augment(sample, position)
        if self._training:
            sample = keep_boxes(sample, geometry.area(sample["boxes"]) > 0)
        if self._recipe.class_scores is not None:
            sample = self._recipe.class_scores(sample, self._recipe.num_classes)
        return self._with_rows(resize(sample, self._resizer(position)))

    def _one_of_each(self, ids):
        """[n] classes, 0-based -> [K] bool; others are passed over."""
        each = tf.one_hot(ids, self._recipe.num_classes, on_value=True, off_value=False)
        return tf.reduce_any(each, axis=0)

    def _resizer(self, position):
        recipe = self._recipe
        if recipe.sized is None:
            return recipe.resizer
        # No record has this number, so no augmentation has this seed.
        return recipe.sized(position, _fold(self._whole_seed(), -1))

    def _whole_seed(self):
        return tf.stack([tf.cast(part, tf.int32) for part in self._seed])

    def _augment(self, sample, position):
        """Each record and each augmentation has a seed of its own.

        Bytes are a quarter to move: images become floats before the first augmentation
        that does not say that it `keeps_bytes`.
        """
        seed = _fold(self._whole_seed(), tf.cast(position, tf.int32))
        for index, augment in enumerate(self._recipe.augmentations):
            if not getattr(augment, "keeps_bytes", False):
                sample = {**sample, "image": tf.cast(sample["image"], tf.float32)}
            sample = augment(sample, _fold(seed, index))
        return sample

    def _with_rows(self, sample):
        """The sample with `valid`, and as many rows of boxes as a batch can take."""
        sample = {**sample, "valid": tf.ones(tf.shape(sample["classes"]), tf.bool)}
        for name in sorted(set(sample) & set(PER_BOX)):
            rows = sample[name]
            if self._training:
                sample[name] = rows[: self._reader.max_number_of_boxes]
            else:
                missing = tf.maximum(1 - tf.shape(rows)[0], 0)
                padding = [[0, missing], *([[0, 0]] * (rows.shape.rank - 1))]
                sample[name] = tf.pad(rows, padding)
        sample["boxes"] = tf.ensure_shape(sample["boxes"], [None, 4])
        return sample


def _packed(masks):
    """[G, h, w] -> [G] string, COCO's packed run lengths."""

    def pack(masks):
        return np.array([code["counts"] for code in rle.encode(masks)], np.bytes_)

    counts = tf.numpy_function(pack, [masks], tf.string, stateful=False)
    return tf.ensure_shape(counts, [None])


def resize(sample, resizer):
    """The sample with image, boxes, masks and keypoints as `resizer` leaves them.

    Adds `true_shape`, int32 [2]: height and width of the image inside its padding.
    """
    old = tf.shape(sample["image"])[:2]
    image, true_shape = resizer(sample["image"])
    ratio = tf.cast(true_shape, tf.float32) / tf.cast(old, tf.float32)
    resized = {
        "image": image,
        "true_shape": true_shape,
        "boxes": geometry.scale(sample["boxes"], ratio[0], ratio[1]),
    }
    if "scale" in sample:
        resized["scale"] = sample["scale"] * scale_between(old, true_shape)
    if "masks" in sample:
        masks = resizer.masks(sample["masks"])
        masks.set_shape([None, *(resizer.output_shape or (None, None))])
        resized["masks"] = masks
    if "keypoints" in sample:
        resized["keypoints"] = sample["keypoints"] * ratio
    return {**sample, **resized}
