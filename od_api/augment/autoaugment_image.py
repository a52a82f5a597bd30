"""A learned policy of changes to image and boxes."""

import difflib

import tensorflow as tf

from od_api.augment import _autoaugment_geometry as moves
from od_api.augment import _autoaugment_pixels as pixels
from od_api.augment import _geometry as geometry
from od_api.augment import _model_garden_policies as model_garden
from od_api.augment import _random as random
from od_api.augment._autoaugment_policies import POLICIES
from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.core.sample import per_box
from od_api.protos import preprocessor_pb2

# Pixels at level 10, as in the code that was published with the policies.
_SHIFT = 250.0
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
    "Invert": pixels.invert,
    "Posterize": pixels.posterize,
    "Sharpness": pixels.sharpness,
    "Solarize": pixels.solarize,
    "SolarizeAdd": pixels.solarize_add,
}
_MOVES = {
    "Rotate_BBox": moves.rotation,
    "ShearX_BBox": moves.shear_x,
    "ShearY_BBox": moves.shear_y,
}
# Made for a number of pixels.
_TRANSLATIONS = {
    "TranslateX_BBox": moves.translation_x,
    "TranslateY_BBox": moves.translation_y,
}
_INSIDE_BOXES = {
    "Cutout_Only_BBoxes": pixels.cutout_small,
    "Equalize_Only_BBoxes": pixels.equalize,
    "Flip_Only_BBoxes": pixels.flip,
    "ShearX_Only_BBoxes": moves.move_pixels(moves.shear_x),
    "ShearY_Only_BBoxes": moves.move_pixels(moves.shear_y),
    "TranslateY_Only_BBoxes": moves.move_pixels(moves.translation_y(_SHIFT_IN_BOX)),
}
_CUTOUT_IN_A_BOX = "BBox_Cutout"
NAMES = (
    *_PIXEL_OPERATIONS,
    *_MOVES,
    *_TRANSLATIONS,
    *_INSIDE_BOXES,
    _CUTOUT_IN_A_BOX,
)


@register(preprocessor_pb2.AutoAugmentImage)
class AutoAugmentImage:
    """Applies one sub-policy, drawn at random, of a policy learned on COCO.

    Operations on the whole image move boxes, masks and keypoints with it, and boxes
    that leave the image are dropped. Operations inside boxes change their pixels only;
    masks and keypoints stay. The result has whole numbers from 0 to 255. Source: Zoph
    et al., Learning Data Augmentation Strategies for Object Detection, ECCV 2020.

    Args:
      policy_name: v0 (the paper's), v1, v2, v3 or test; or "model_garden/NAME", one
        of tf-models-official's (the extra model-garden).
      sub_policies: a policy of one's own instead: sequences of (name of an operation,
        probability 0..1, level 0..10), none of them empty.
      max_translation: pixels at level 10 by which the whole image is moved, above 0:
        250 in the published code, 150 in the paper.
      box_probability: factor of the probability with which an operation inside boxes
        changes each of them, 0..1.
    """

    def __init__(
        self,
        *,
        policy_name="v0",
        sub_policies=(),
        max_translation=_SHIFT,
        box_probability=_BOX_PROBABILITY,
    ):
        policy = sub_policies or _policy(policy_name)
        self._policy = [_checked(s) for s in policy]
        shift = ranges.above("max_translation", max_translation)
        self._moves = _MOVES | {n: make(shift) for n, make in _TRANSLATIONS.items()}
        self._box_probability = ranges.probability("box_probability", box_probability)

    @classmethod
    def from_proto(cls, message):
        """The augmentation that an AutoAugmentImage message describes."""
        if message.sub_policies and message.HasField("policy_name"):
            raise ConfigError(
                "is set, and so are sub_policies, which take its place: remove one",
                "policy_name",
            )
        policy = []
        for i, sub_policy in enumerate(message.sub_policies):
            place = f"sub_policies[{i}]"
            if not sub_policy.operations:
                raise ConfigError("has no operations: give one at least", place)
            policy.append(
                [
                    _operation(operation, f"{place}.operations[{k}]")
                    for k, operation in enumerate(sub_policy.operations)
                ]
            )
        settings = ("policy_name", "max_translation", "box_probability")
        given = {n: getattr(message, n) for n in settings if message.HasField(n)}
        return cls(sub_policies=policy, **given)

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
                changed = self._apply(changed, its_seed, *operation)
            return {k: changed[k] for k in changeable}

        branches = [lambda s=s: apply(s) for s in self._policy]
        index = random.integer(choice, 0, len(branches))
        return {**sample, **tf.switch_case(index, branches)}

    def _apply(self, sample, seed, name, probability, level):
        """One operation with its probability."""
        coin, seed = random.seeds(seed, 2)
        if name in _INSIDE_BOXES:
            each = probability * self._box_probability
            image = _inside_boxes(sample, seed, each, level, _INSIDE_BOXES[name])
            return {**sample, "image": image}

        def change(s):
            if name in self._moves:
                return moves.move_sample(s, seed, level, self._moves[name])
            if name == _CUTOUT_IN_A_BOX:
                return {**s, "image": _cutout_in_a_box(s, seed, level)}
            return {**s, "image": _PIXEL_OPERATIONS[name](s["image"], seed, level)}

        return random.apply_if(random.chance(coin, probability), change, sample)


def _policy(name):
    """The sub-policies of a name."""
    if name.startswith(model_garden.PREFIX):
        return model_garden.policy(name)
    if name not in POLICIES:
        raise ValueError(
            f"policy_name is {name}, not one of {', '.join(POLICIES)}, and not "
            f"{model_garden.PREFIX}NAME"
        )
    return POLICIES[name]


def _operation(message, place):
    """An AutoAugmentOperation message -> (name, probability, level)."""
    try:
        ((name, probability, level),) = _checked(
            [(message.name, message.probability, message.level)]
        )
    except ranges.RangeError as error:
        problem = str(error).removeprefix(f"{error.field} ")
        raise ConfigError(problem, f"{place}.{error.field}") from error
    return name, probability, level


def _checked(sub_policy):
    """A sub-policy as a tuple.

    Raises:
      RangeError: a name that is none, or a number out of its range.
    """
    for name, probability, level in sub_policy:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=3) or NAMES
            raise ranges.RangeError(
                "name", f"name is {name!r}; there is {', '.join(near)}"
            )
        ranges.probability("probability", probability)
        ranges.between("level", level, 0, 10)
    return tuple(sub_policy)


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

        flag = random.chance(coin, probability)
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
