"""The records that parts hand to each other, and the letters of every docstring.

Legend
  B  images in a batch            A  anchors of all levels
  G  padded ground-truth boxes    K  classes without background
  P  proposals                    N  kept boxes
  Q  boxes of a prior: K, or 1    D  numbers of a box code
  C  class logits: K, or K + 1 with the background in front
  H, W  height and width of the padded network input; h, w of a feature map

Boxes are `[ymin, xmin, ymax, xmax]`, float32, in pixels of the padded network input.
Class ids are 0-based here and 1-based in files. Padding rows of boxes are all zero.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class Targets(NamedTuple):
    """Ground truth of a batch, padded to G boxes an image.

    Attributes:
      boxes: [B, G, 4] float32.
      classes: [B, G] int32, 0-based; 0 in padding.
      weights: [B, G] float32; 0 in padding: such a box is neither matched by force nor
        does an anchor matched to it count.
      valid: [B, G] bool; False in padding.
      true_shapes: [B, 2] int32, height and width of the image inside the padding.
      masks: [B, G, H, W] uint8, 0 or 1, of the whole network input; None where the
        input does not read masks.
      mask_weights: [B, G] float32, of each object in the mask loss, beside its weight;
        None: 1.
      ignored: [B, G] bool: boxes, valid ones, that are neither objects nor background,
        such as crowds; None: there are none.
      scale: [B] float32, pixels of the network's input for each pixel of the image in
        its file; None: 1.
      image_classes: [B, K] float32, 1 for the classes of the whole image; None where
        the input does not read them.
      branches: [B] int32, the branch of the network that each row is for; None: there
        are none.
      class_scores: [B, G, K] float32, what each box is to be called, class by class,
        its `classes` the highest; None: `classes` alone.
      longest: int32 scalar: behind so many boxes every image has padding alone; None
        where shapes must be static, as XLA needs them.
    """

    boxes: tf.Tensor
    classes: tf.Tensor
    weights: tf.Tensor
    valid: tf.Tensor
    true_shapes: tf.Tensor
    masks: Any = None
    longest: Any = None
    ignored: Any = None
    scale: Any = None
    image_classes: Any = None
    branches: Any = None
    mask_weights: Any = None
    class_scores: Any = None

    @property
    def objects(self):
        """[B, G] bool: what is to be found; neither padding nor ignored."""
        return self.valid if self.ignored is None else self.valid & ~self.ignored

    def with_longest(self):
        """The same with `longest`, so that parts may leave the rest alone."""
        positions = tf.range(1, tf.shape(self.valid)[1] + 1)
        longest = tf.reduce_max(tf.where(self.valid, positions, 0))
        # The maximum of nothing is the least of all numbers.
        return self._replace(longest=tf.maximum(longest, 0))


class Priors(NamedTuple):
    """What predictions are relative to: anchors, points or proposals.

    A point is a box of size 0; a proposal has stride 0 and level 0. A box has the place
    of its prior wherever a record has an axis A.

    Attributes:
      boxes: [A, 4], or [B, A, 4] where each image has its own.
      strides: [A, 2] float32, pixels between neighbouring cells (y, x) of the map that
        a prior belongs to.
      levels: [A] int32, the position of that map in the list of maps.
      valid: [A] or [B, A] bool: False takes no part: its label is -1, its score too.
    """

    boxes: tf.Tensor
    strides: tf.Tensor
    levels: tf.Tensor
    valid: tf.Tensor

    def for_codes(self):
        """The same with an axis for the Q boxes of a prior: [.., A, 1, 4], [A, 1, ..].

        So that they broadcast against box codes [B, A, Q, D].
        """
        return Priors(
            boxes=self.boxes[..., None, :],
            strides=self.strides[:, None],
            levels=self.levels[:, None],
            valid=self.valid[..., None],
        )


def as_priors(boxes):
    """Boxes [A, 4] or [B, A, 4] -> Priors of stride 0, all valid; Priors as are."""
    if isinstance(boxes, Priors):
        return boxes
    boxes = tf.cast(boxes, tf.float32)
    count = tf.shape(boxes)[-2]
    return Priors(
        boxes=boxes,
        strides=tf.zeros([count, 2]),
        levels=tf.zeros([count], tf.int32),
        valid=tf.ones(tf.shape(boxes)[:-1], tf.bool),
    )


def prior_boxes(priors):
    """Priors, or boxes [..., 4] of any float type -> the boxes, float32."""
    boxes = priors.boxes if isinstance(priors, Priors) else priors
    return tf.cast(boxes, tf.float32)


class MapSpecs(NamedTuple):
    """What is known of feature maps before there are any, finest first.

    Attributes:
      strides: {level: input pixels a cell; (y, x) where cells are not square}.
      channels: {level: depth}.
    """

    strides: dict
    channels: dict

    @property
    def levels(self):
        """Names of the maps."""
        return tuple(self.strides)

    @property
    def shapes(self):
        """{level: (None, None, None, depth)}, to build layers with."""
        return {n: (None, None, None, c) for n, c in self.channels.items()}

    def only(self, levels):
        """Those of some levels, in that order.

        Raises:
          ValueError: a level that no map has.
        """
        for name in levels:
            if name not in self.strides:
                raise ValueError(
                    f"there is no map {name!r}, but {', '.join(self.strides)}"
                )
        return MapSpecs(
            strides={n: self.strides[n] for n in levels},
            channels={n: self.channels[n] for n in levels},
        )


class Branches(NamedTuple):
    """Networks of the same weights, whose maps are one batch.

    The rows of B images are B of the first branch, then B of the second, and so on.

    Attributes:
      count: how many there are.
      ranges: ((low, high), ...), the sizes of boxes that each is for, in pixels of the
        network's input; empty: all.
      alone: the one that runs where nothing is trained; None: all of them.
    """

    count: int
    ranges: tuple = ()
    alone: Any = None

    def running(self, training):
        """Indices of the branches that run."""
        if training or self.alone is None:
            return list(range(self.count))
        return [self.alone]


class Assignment(NamedTuple):
    """Which ground-truth box each prior answers for.

    Attributes:
      gt_index: [B, A] int32 index into G; 0 where the label is not 1.
      label: [B, A] int32: 1 positive, 0 negative, -1 ignored.
      quality: [B, A] float32 similarity with the best box; 0 where there is none.
      weight: [B, A] float32, a factor of all losses of a prior; None is 1.
      mined: [B, A] bool: positive by the box that the prior predicts, not by the prior;
        None: there are none.
    """

    gt_index: tf.Tensor
    label: tf.Tensor
    quality: tf.Tensor
    weight: Any = None
    mined: Any = None

    def take(self, rows):
        """[B, G, ...] of ground truth -> [B, A, ...], each prior's; 0 if G is 0."""
        if not rows.shape[1]:
            # A gather out of nothing is an error in TensorFlow.
            rows = tf.pad(rows, [[0, 0], [0, 1], *[[0, 0]] * (rows.shape.rank - 2)])
        return tf.gather(rows, self.gt_index, batch_dims=1)


class LeftOut(NamedTuple):
    """What is neither positive nor negative; None stands for nothing.

    Attributes:
      objects: [B, G] bool, ground truth that is not learned: priors that are assigned
        to it are left out.
      negatives: [B, A] bool, priors that are left out unless they are positive.
      priors: [B, A] or [B, 1] bool, those that are left out whatever they are.
    """

    objects: Any = None
    negatives: Any = None
    priors: Any = None

    def plus(self, other):
        """What is left out by either."""
        return LeftOut(*(_either(a, b) for a, b in zip(self, other, strict=True)))


def _either(one, other):
    if one is None or other is None:
        return other if one is None else one
    return one | other


class AnchorLosses(NamedTuple):
    """What a sampler may look at to choose priors, one number a prior.

    Attributes:
      classification: [B, A] float32, summed over classes, weighted as in the total.
      localization: [B, A] float32, summed over the code, weighted as in the total.
      boxes: [B, A, 4] the boxes that overlap where one prior stands for another.
    """

    classification: tf.Tensor
    localization: tf.Tensor
    boxes: tf.Tensor


class Reported(NamedTuple):
    """What an objective tells of its losses beside their sums, prior by prior.

    Attributes:
      localization: [B, A] float32, as in the total loss, which is their sum: weighed,
        divided, and 0 for what does not count. No gradient flows through it.
      assignment: Assignment: the object that each is of.
    """

    localization: tf.Tensor
    assignment: Assignment


class Predictions(NamedTuple):
    """What a stage says of its priors.

    Attributes:
      class_logits: [B, A, C] float32.
      box_codes: [B, A, Q, D] float32, as the stage's box coder encodes.
      boxes: [B, A, Q, 4] float32, decoded, not clipped; no gradient flows through them.
      priors: Priors.
      columns: {name: [B, A, n] float32}: what the head predicts of each prior besides
        class and box.
      image_shape: (H, W) of the padded network input, Python ints or int32 scalars.
      true_shapes: [B, 2] int32, height and width of each image inside the padding.
      features: [B * A, h, w, C], what was read of each prior's region, for masks; None
        of a stage that looks at no regions.
      maps: {level: [B, h, w, C]} that the head hands on to the stage that follows, in
        place of those that it has read; None hands on nothing.
      gate_logits: [B, h, w, 2] float32, of background and foreground, where a mask of
        the backbone is taught; None.
    """

    class_logits: tf.Tensor
    box_codes: tf.Tensor
    boxes: tf.Tensor
    priors: Priors
    columns: dict
    image_shape: Any
    true_shapes: tf.Tensor
    features: Any = None
    maps: Any = None
    gate_logits: Any = None

    def all_columns(self):
        """The columns and, as float32 [B, A, 1], `level` and `prior` of each prior.

        `prior` is its place among the A, which proposals and their boxes share.
        """
        shape = tf.shape(self.class_logits)[:2]
        places = {
            "level": self.priors.levels,
            "prior": tf.range(shape[1]),
        }
        return self.columns | {
            name: tf.broadcast_to(tf.cast(place, tf.float32), shape)[..., None]
            for name, place in places.items()
        }

    def codes_of(self, classes):
        """[B, A] classes -> [B, A, D]: the code of each prior's class, or its only."""
        return _of_class(self.box_codes, classes)

    def boxes_of(self, classes):
        """[B, A] classes -> [B, A, 4], likewise of the boxes."""
        return _of_class(self.boxes, classes)


def _of_class(rows, classes):
    if rows.shape[2] == 1:
        return tf.squeeze(rows, axis=2)
    return tf.gather(rows, classes, batch_dims=2)


class Candidates(NamedTuple):
    """What detections are chosen from.

    Attributes:
      boxes: [B, A, Q, 4] float32, not clipped; Q is 1, or K where each class has its
        own.
      scores: [B, A, K] float32, without a background; below every threshold where a
        prior is not valid.
      columns: {name: [B, A, n]} as `Predictions.all_columns` has them.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    columns: dict

    @classmethod
    def joined(cls, found):
        """Several of the same images as one, one after the other.

        Their places (`prior`) and levels are counted on.
        """
        columns = {
            name: [one.columns[name] for one in found] for name in found[0].columns
        }
        for name in ("level", "prior"):
            parts, first = [], 0.0
            for values in columns[name]:
                parts.append(values + first)
                first = tf.reduce_max(parts[-1]) + 1.0
            columns[name] = parts
        return cls(
            boxes=tf.concat([one.boxes for one in found], axis=1),
            scores=tf.concat([one.scores for one in found], axis=1),
            columns={name: tf.concat(parts, axis=1) for name, parts in columns.items()},
        )


class Kept(NamedTuple):
    """What a suppression keeps of M boxes; the leading axes are those of the scores.

    Attributes:
      rows: [..., limit] int32, the place of each among the M; 0 where there is none.
      scores: [..., limit] float32, best first; -inf where there is none.
      boxes: [..., limit, 4] float32.
    """

    rows: tf.Tensor
    scores: tf.Tensor
    boxes: tf.Tensor


class Grouped(NamedTuple):
    """Boxes that a grouping has made of points, best score first; M in all.

    Attributes:
      boxes: [B, M, 4] float32, not clipped; 0 where there is none.
      scores: [B, M, K] float32 in 0..1; 0 where there is none.
      valid: [B, M] bool: there is a box.
      columns: {name: [B, M, n] float32}, further numbers of the boxes; None: there are
        none.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    valid: tf.Tensor
    columns: Any = None


class Detections(NamedTuple):
    """Final boxes of a batch, best score first, zero-padded to N.

    Attributes:
      boxes: [B, N, 4] float32.
      scores: [B, N] float32 in 0..1.
      classes: [B, N] int32, 0-based.
      count: [B] int32, how many of the N are real.
      anchor_indices: [B, N] int32, the prior each box came from.
      masks: [B, N, mh, mw] float32 probabilities, each for the inside of its box; None
        of a detector that predicts none.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    count: tf.Tensor
    anchor_indices: tf.Tensor
    masks: Any = None
