"""What a batch holds, and which of it the network and its losses need.

    image           [B, H, W, 3] float32 in 0..255, zeros in the padding
    true_shape      [B, 2] int32, the image inside the padding
    original_shape  [B, 2] int32, the image in the file
    boxes           [B, G, 4] float32 in pixels of the padded image
    classes         [B, G] int32, 0-based
    weights         [B, G] float32; 0 in the padding
    valid, is_crowd, difficult  [B, G] bool
    ignored         [B, G] bool; neither object nor background, in losses alone
    class_scores    [B, G, K] float32, what boxes are to be called; training only, where
                    train_config asks for it
    image_classes   [B, K] float32, 0 or 1; where the reader loads them
    scale           [B] float32, pixels of `image` for each pixel of the file's image
    area            [B, G] float32, square pixels in the file; evaluation only
    group_of        [B, G] bool; evaluation only
    verified_classes, negative_classes, not_exhaustive_classes  [B, K] bool, of which
                    class of the whole image somebody said whether it is there, which
                    are not, and of which not every object has a box; evaluation only
    any_verified    [B] bool; False: the record names no class of the whole image
    image_id        [B] int64
    source_id, filename  [B] string

and where they are asked for keypoints, `original_image` (padded to the largest), and

    masks           [B, G, H, W] uint8, 0 or 1
    mask_weights    [B, G] float32
    mask_counts     [B, G] string, the packed run lengths (pictures/rle.py) of the
                    masks in the file, of original_shape; evaluation only
"""

import tensorflow as tf

from od_api.core.types import Targets

# What `Targets` have of a batch under the same names, and its type.
_GROUND_TRUTH = {
    "boxes": tf.float32,
    "classes": tf.int32,
    "weights": tf.float32,
    "valid": tf.bool,
    "ignored": tf.bool,
    "masks": tf.uint8,
    "mask_weights": tf.float32,
    "scale": tf.float32,
    "image_classes": tf.float32,
    "class_scores": tf.float32,
}
# Strings and bookkeeping stay on the host.
_NUMERIC = ("image", "true_shape", *_GROUND_TRUTH)


def numeric(batch):
    """The part of a batch that a step, or an evaluation, computes with."""
    return {name: batch[name] for name in _NUMERIC if name in batch}


def targets_of(batch):
    """The ground truth of a batch as `Targets`, as far as the batch has it."""
    known = {
        name: tf.cast(batch[name], kind)
        for name, kind in _GROUND_TRUTH.items()
        if name in batch
    }
    return Targets(true_shapes=batch["true_shape"], **known)
