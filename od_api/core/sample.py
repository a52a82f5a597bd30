"""One image with its ground truth, before padding and batching: a dict of tensors.

Always there
  image      [h, w, 3] float32, 0..255; uint8 as read, and after what `keeps_bytes`
  boxes      [G, 4] float32 in pixels of `image`
  classes    [G] int32, 0-based
  weights    [G] float32
  is_crowd   [G] bool
  difficult  [G] bool
Sometimes there, and kept in step by every augmentation and resizer
  masks                  [G, h, w] uint8, 0 or 1
  mask_weights           [G] float32, of each mask in its loss
  keypoints              [G, K, 2] float32 (y, x) in pixels; NaN where not labelled
  keypoint_visibilities  [G, K] int32
  multiclass_scores      [G, K] float32
  class_scores           [G, K] float32, what each box is to be called
  group_of               [G] bool, a box around several objects
  ignored                [G] bool, neither object nor background
  scale                  float32, pixels of `image` for each pixel of the file's image
Anything else (`image_id`, `source_id`, ...) passes through untouched.
"""

import tensorflow as tf

# What is known of the classes of a whole image.
KNOWN_CLASSES = ("verified_classes", "negative_classes", "not_exhaustive_classes")
PER_BOX_FIELDS = (
    "boxes",
    "classes",
    "weights",
    "is_crowd",
    "difficult",
    "group_of",
    "ignored",
    "masks",
    "mask_weights",
    "keypoints",
    "keypoint_visibilities",
    "multiclass_scores",
    "class_scores",
)


def keep_boxes(sample, keep):
    """The sample with only the boxes where `keep` [G] bool holds, fields in step."""
    kept = {k: tf.boolean_mask(sample[k], keep) for k in per_box(sample)}
    return {**sample, **kept}


def per_box(sample):
    """Names of the per-box fields that this sample has."""
    return [name for name in PER_BOX_FIELDS if name in sample]
