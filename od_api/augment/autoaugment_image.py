"""A learned policy of changes to image and boxes."""

import tensorflow as tf

from od_api.augment import _autoaugment_geometry as moves
from od_api.augment import _autoaugment_pixels as pixels
from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.augment._autoaugment_policies import POLICIES
from od_api.core.registry import register
from od_api.core.sample import per_box
from od_api.protos import preprocessor_pb2

# Pixels at level 10.
_SHIFT = 250
_SHIFT_IN_BOX = 120
# The part of a box that a cutout inside of it may cover, at level 10.
_BOX_CUTOUT = 0.75
# Every box is tried on its own, so that fewer of them need to be changed.
_BOX_PROBABILITY = 1 / 3

_PIXEL_OPERATIONS = {
    "AutoContrast": pixels.auto_contrast,
    "Brightness": pixels.brightness,
    "Color": pixels.color,
    "Contrast": pixels.contrast,
    "Cutout": pixels.cutout,
    "Equalize": pixels.equalize,
    "Posterize": pixels.posterize,
    "Sharpness": pixels.sharpness,
    "Solarize": pixels.solarize,
    "SolarizeAdd": pixels.solarize_add,
}
_MOVES = {
    "Rotate_BBox": moves.rotation,
    "ShearX_BBox": moves.shear_x,
    "ShearY_BBox": moves.shear_y,
    "TranslateX_BBox": moves.translation_x(_SHIFT),
    "TranslateY_BBox": moves.translation_y(_SHIFT),
}
_INSIDE_BOXES = {
    "Cutout_Only_BBoxes": pixels.cutout_small,
    "Equalize_Only_BBoxes": pixels.equalize,
    "Flip_Only_BBoxes": pixels.flip,
    "ShearX_Only_BBoxes": moves.move_pixels(moves.shear_x),
    "ShearY_Only_BBoxes": moves.move_pixels(moves.shear_y),
    "TranslateY_Only_BBoxes": moves.move_pixels(moves.translation_y(_SHIFT_IN_BOX)),
}


@register(preprocessor_pb2.AutoAugmentImage)
class AutoAugmentImage:
    """Applies one sub-policy, drawn at random, of a policy learned on COCO.

    Operations on the whole image move boxes, masks and keypoints with it, and boxes
    that leave the image are dropped. Operations inside boxes change their pixels only;
    masks and keypoints stay. The result has whole numbers from 0 to 255. Source: Zoph
    et al., Learning Data Augmentation Strategies for Object Detection, ECCV 2020.

    Args:
      policy_name: v0 (the paper's), v1, v2, v3 or test.
    """

    def __init__(self, *, policy_name="v0"):
        if policy_name not in POLICIES:
            raise ValueError(
                f"policy_name is {policy_name}, not one of {', '.join(POLICIES)}"
            )
        self._policy = POLICIES[policy_name]

    # Nothing to convert, and the search for it would double the time of tracing.
    @tf.autograph.experimental.do_not_convert
    def __call__(self, sample, seed):
        choice, seed = random.seeds(seed, 2)
        sample = {**sample, "image": pixels.whole(sample["image"])}
        changeable = ("image", *per_box(sample))

        def apply(sub_policy):
            changed = sample
            operation_seeds = random.seeds(seed, len(sub_policy))
            for operation, its_seed in zip(sub_policy, operation_seeds, strict=True):
                changed = _apply(changed, its_seed, *operation)
            return {k: changed[k] for k in changeable}

        branches = [lambda s=s: apply(s) for s in self._policy]
        index = random.integer(choice, 0, len(branches))
        return {**sample, **tf.switch_case(index, branches)}


def _apply(sample, seed, name, probability, level):
    """One operation with its probability."""
    coin, seed = random.seeds(seed, 2)
    if name in _INSIDE_BOXES:
        image = _inside_boxes(sample, seed, probability, level, _INSIDE_BOXES[name])
        return {**sample, "image": image}

    def change(s):
        if name in _MOVES:
            return moves.move_sample(s, seed, level, _MOVES[name])
        if name == "BBox_Cutout":
            return {**s, "image": _cutout_in_a_box(s, seed, level)}
        return {**s, "image": _PIXEL_OPERATIONS[name](s["image"], seed, level)}

    return random.apply_if(random.chance(coin, probability), change, sample)


def _inside_boxes(sample, seed, probability, level, operation):
    """The image, with the operation applied inside some boxes, in random order."""
    order_seed, seed = random.seeds(seed, 2)
    corners = _pixel_corners(sample)
    count = tf.shape(corners)[0]
    order = tf.random.experimental.stateless_shuffle(tf.range(count), order_seed)

    def step(i, image):
        coin, box_seed = random.seeds(tf.random.fold_in(seed, i), 2)
        top, left, bottom, right = tf.unstack(corners[order[i]])

        def change():
            inside = operation(image[top:bottom, left:right], box_seed, level)
            h, w = tf.shape(image)[0], tf.shape(image)[1]
            padding = [[top, h - bottom], [left, w - right], [0, 0]]
            covered = tf.pad(tf.ones_like(inside), padding) > 0
            changed = tf.where(covered, tf.pad(inside, padding), image)
            changed.set_shape(image.shape)
            return changed

        flag = random.chance(coin, probability * _BOX_PROBABILITY)
        return i + 1, tf.cond(flag, change, lambda: image)

    return tf.while_loop(lambda i, _: i < count, step, (0, sample["image"]))[1]


def _cutout_in_a_box(sample, seed, level):
    """The image with a gray rectangle centred on a pixel of one of the boxes."""
    corners = _pixel_corners(sample)

    def cutout():
        choice, y_seed, x_seed = random.seeds(seed, 3)
        box = corners[random.integer(choice, 0, tf.shape(corners)[0])]
        top, left, bottom, right = tf.unstack(box)
        fraction = level / 10 * _BOX_CUTOUT / 2
        half = [
            tf.cast(fraction * tf.cast(length, tf.float32), tf.int32)
            for length in (bottom - top, right - left)
        ]
        y = random.integer(y_seed, top, bottom)
        x = random.integer(x_seed, left, right)
        return pixels.gray_rectangle(sample["image"], (y, x), half)

    return tf.cond(tf.shape(corners)[0] > 0, cutout, lambda: sample["image"])


def _pixel_corners(sample):
    """[G, 4] int32: each box as rows top..bottom - 1 and columns left..right - 1."""
    last = tf.stack(geometry.size(sample)) - 1
    corners = tf.cast(sample["boxes"], tf.int32)
    first = tf.clip_by_value(corners[:, :2], 0, last)
    end = tf.clip_by_value(corners[:, 2:], first, last) + 1
    return tf.concat([first, end], axis=-1)
