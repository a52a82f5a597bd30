"""Random crops that keep enough of the objects, as SSD does (Liu et al., ECCV 2016)."""

from typing import NamedTuple

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges

_MAX_ATTEMPTS = 100


class CropRule(NamedTuple):
    """What a crop must fulfil, and what happens to the boxes.

    Attributes:
      min_object_covered: some box has this part of its area inside the crop.
      aspect_ratio_range: (low, high) of the crop's width / height.
      area_range: (low, high) of the crop's area, as a part of the image's.
      overlap_thresh: boxes with a smaller part of their area inside are dropped.
      clip_boxes: clip what is left to the crop.
      random_coef: probability of leaving the image as it is.
    """

    min_object_covered: float
    aspect_ratio_range: tuple
    area_range: tuple
    overlap_thresh: float
    clip_boxes: bool = True
    random_coef: float = 0.0

    def checked(self):
        """The rule itself; ValueError where it cannot be fulfilled."""
        random.check_range(
            "min_aspect_ratio",
            self.aspect_ratio_range[0],
            "max_aspect_ratio",
            self.aspect_ratio_range[1],
        )
        random.check_range(
            "min_area", self.area_range[0], "max_area", self.area_range[1]
        )
        ranges.above("min_aspect_ratio", self.aspect_ratio_range[0])
        ranges.above("min_area", self.area_range[0], 0, 1)
        ranges.above("max_area", self.area_range[1], 0, 1)
        for name in ("min_object_covered", "overlap_thresh", "random_coef"):
            ranges.probability(name, getattr(self, name))
        return self


class CropOperation:
    """One rule of an `operations {}` entry of an SSD crop.

    Aspect ratios and areas that are not set are those of the built-in rules, 0.5 to 2
    and 0.1 to 1; the other fields are 0 when they are not set: any overlap will do, and
    always crop. An area or aspect ratio of 0 cannot be met.

    Attributes:
      rule: a `CropRule`.
    """

    def __init__(
        self,
        *,
        min_object_covered=0.0,
        min_aspect_ratio=0.5,
        max_aspect_ratio=2.0,
        min_area=0.1,
        max_area=1.0,
        overlap_thresh=0.0,
        random_coef=0.0,
        clip_boxes=True,
    ):
        self.rule = CropRule(
            min_object_covered=min_object_covered,
            aspect_ratio_range=(min_aspect_ratio, max_aspect_ratio),
            area_range=(min_area, max_area),
            overlap_thresh=overlap_thresh,
            clip_boxes=clip_boxes,
            random_coef=random_coef,
        ).checked()


def rules_of(operations):
    """The rules of `CropOperation`s; SSD's own seven where there are none."""
    given = [operation.rule for operation in operations]
    return given or built_in_rules(0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)


def built_in_rules(*thresholds):
    """SSD's own rules, one for each threshold (overlap and cover alike)."""
    return [CropRule(t, (0.5, 2.0), (0.1, 1.0), t, True, 0.15) for t in thresholds]


def draw_rule(seed, rules):
    """int32 scalar, the index of one of the rules, all equally likely."""
    return random.integer(seed, 0, len(rules))


def crop_by_any(sample, choice, seed, rules):
    """The sample cropped by one of the rules, which the seed `choice` draws."""
    return random_crop(sample, seed, rules, draw_rule(choice, rules))


# Nothing to convert, and the search for it would double the time of tracing.
@tf.autograph.experimental.do_not_convert
def random_crop(sample, seed, rules, index):
    """The sample cropped by `rules[index]`; fields of dropped boxes go with them.

    The image stays whole where no crop in 100 attempts fulfils the rule. Without boxes
    the image itself is the object to be covered.
    """
    window_seed, coin = random.seeds(seed, 2)
    skip = _pick([float(rule.random_coef) for rule in rules], index)
    overlap = _pick([float(rule.overlap_thresh) for rule in rules], index)
    clip = _pick([rule.clip_boxes for rule in rules], index)

    def crop(s):
        samplers = [_sampler(s, window_seed, rule) for rule in rules]
        window = samplers[0]()
        if len(rules) > 1:
            window = tf.switch_case(index, samplers)
        top, left, height, width = tf.unstack(window)
        cropped = geometry.cut(s, top, left, height, width)
        return geometry.keep_visible(cropped, overlap, clip)

    if max(rule.random_coef for rule in rules) == 0:
        return crop(sample)
    return random.apply_if(~random.chance(coin, skip), crop, sample)


def _sampler(sample, seed, rule):
    """A function without arguments: [4] int32 (top, left, height, width)."""

    def window():
        h, w = geometry.size(sample)
        extent = tf.cast(tf.stack([h, w, h, w]), tf.float32)
        boxes = tf.clip_by_value(sample["boxes"] / extent, 0.0, 1.0)
        begin, length, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.shape(sample["image"]),
            boxes[None],
            seed,
            min_object_covered=rule.min_object_covered,
            aspect_ratio_range=rule.aspect_ratio_range,
            area_range=rule.area_range,
            max_attempts=_MAX_ATTEMPTS,
            use_image_if_no_bounding_boxes=True,
        )
        return tf.concat([begin[:2], length[:2]], 0)

    return window


def _pick(values, index):
    return tf.gather(tf.constant(values), index)
