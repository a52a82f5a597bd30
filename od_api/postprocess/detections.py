"""From the scores of all classes to a list of detections, with any suppression."""

from typing import NamedTuple

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.types import Detections
from od_api.layers import engine_operators
from od_api.layers.ranked_boxes import at_least_one, known_shape, ranked, take

# The anchors that are looked at first, and the factor by which more are taken when
# these do not settle the result. On a trained SSD 512 of 1917 anchors nearly always do.
_FIRST_ANCHORS = 512
_GROWTH = 8
# For engines there is one attempt alone: so many anchors for each place of the list.
_FIRST_PER_PLACE = 5


class _Selected(NamedTuple):
    """What suppression knows of images: the first fields of Detections.

    Loops over images and anchors carry tensors only, so the fields that other parts
    fill in are not here. Inside such a loop there is no B axis.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    count: tf.Tensor
    anchor_indices: tf.Tensor


class _Survivors(NamedTuple):
    """What is kept of all classes, S in all; a score of -inf where there is nothing."""

    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    rows: tf.Tensor


class SelectDetections:
    """Suppresses class by class or over all classes, then merges, clips and pads.

    The survivors of all classes are merged by score (equal scores by class), clipped to
    the window, and those without area left are removed before the list is cut.

    The result is exactly that of visiting every box, yet most are never looked at: when
    the best anchors alone fill the list with scores above every score left out, nothing
    that was left out could have entered it or suppressed a member of it. A suppression
    to whose results boxes behind add something (`needs_all`) gets all at once, and so
    does one of static shapes.

    Args:
      suppression: a part of the family `suppressions`.
      score_threshold: only scores above it count.
      per_class: at most so many of a class.
      total: N, the length of every output.
      classes_per_box: suppress over all classes by each box's best one, and report so
        many of its best classes; 0: suppress class by class.
      max_candidates: only so many of the best boxes of a class are looked at; 0: all,
        or the `default_candidates` of a suppression that has any.
      static: in a form of static shapes, without loops over images and classes, that
        XLA and other engines take.
    """

    def __init__(
        self,
        *,
        suppression,
        score_threshold,
        per_class,
        total,
        classes_per_box=0,
        max_candidates=0,
        static=False,
    ):
        self.suppression = suppression.static() if static else suppression
        self.score_threshold = score_threshold
        self.per_class = per_class
        self.total = total
        self.classes_per_box = classes_per_box
        default = getattr(suppression, "default_candidates", 0)
        self.max_candidates = max_candidates or default
        self.static = static

    def select(self, boxes, scores, columns, window):
        """Detections of a batch, best first, zero-padded to N.

        Args:
          boxes: [B, A, Q, 4] float32; Q is 1, or K where each class has its own.
          scores: [B, A, K] float32, without a background class; K must be static.
          columns: {name: [B, A, n]}: what the suppression reads.
          window: [B, 4] that boxes are clipped to.

        Returns:
          Detections. Clipping comes after suppression, as in the old API.
        """
        inputs = (boxes, scores, columns, window)
        if self.static:
            return Detections(*self._select_static(*inputs))
        if scores.shape[0] == 1:
            one = self._select_one(*tf.nest.map_structure(lambda x: x[0], inputs))
            return Detections(*(x[None] for x in one))
        several = tf.map_fn(
            lambda image: self._select_one(*image),
            inputs,
            fn_output_signature=_one_image_spec(self.total),
        )
        return Detections(*several)

    def _select_static(self, boxes, scores, columns, window):
        """_Selected of images; for engines first of the best anchors alone."""
        size = max(_FIRST_ANCHORS, _FIRST_PER_PLACE * self.total)
        known = scores.shape[-2]
        if known is None:
            few = not engine_operators.has_branches_of_open_sizes()
        else:
            few = known <= size
        if few or self.suppression.needs_all or not engine_operators.is_wanted():
            return self._select_all(boxes, scores, columns, window)
        if known is None:
            boxes, scores, columns = _with_one_anchor(boxes, scores, columns)
        left_out, anchors = _best_anchors(scores, size)
        first = tf.nest.map_structure(
            lambda x: take(x, anchors), (boxes, scores, columns)
        )
        # What is below settles nothing: were it needed, all would be looked at.
        floor = tf.maximum(tf.reduce_min(left_out), self.score_threshold)
        found = self._in_all(self._merged(*first, window, floor), anchors)
        is_full = (found.count == self.total) & (found.scores[:, -1] > left_out)
        return tf.cond(
            tf.reduce_all(is_full | (left_out <= self.score_threshold)),
            lambda: found,
            lambda: self._merged(boxes, scores, columns, window, self.score_threshold),
        )

    def _select_all(self, boxes, scores, columns, window):
        """_Selected of images or of one image, all anchors looked at."""
        if not scores.shape[-2]:
            boxes, scores, columns = _with_one_anchor(boxes, scores, columns)
        return self._merged(boxes, scores, columns, window, self.score_threshold)

    def _merged(self, boxes, scores, columns, window, floor):
        """The same of one anchor or more, of scores above `floor`."""
        left = self._left_by_class(boxes, scores, floor)
        if left is not None:
            return self._merge_left(boxes, left, window)
        return self._merge(self._survivors(boxes, scores, columns, floor), window)

    def _left_by_class(self, boxes, scores, floor):
        """[..., M, K] scores -> [..., K, M]: those that are left, -inf for the others;
        None where the suppression does not say it at once."""
        says = getattr(self.suppression, "left", None)
        if says is None or self.classes_per_box or self.max_candidates:
            return None
        by_class = tf.linalg.matrix_transpose(scores)
        return says(_by_box(boxes), by_class, self.per_class, floor)

    def _merge_left(self, boxes, left, window):
        """As `_merge`, of scores [..., K, M]: no class has a list of its own first."""
        boxes = box_ops.clip(_by_box(boxes), window[..., None, None, :])
        left = tf.where(box_ops.area(boxes) > 0.0, left, float("-inf"))
        size, are_shared = known_shape(left)[-1], boxes.shape[-3] == 1
        boxes = _flat(boxes, -3)

        def chosen(order):
            classes = order // size
            rows = order - size * classes
            return take(boxes, rows if are_shared else order), classes, rows

        return self._listed(_flat(left, -2), chosen)

    def _select_one(self, boxes, scores, columns, window):
        """_Selected of one image: tries more and more anchors until it is settled."""
        if self.suppression.needs_all:
            return self._select_all(boxes, scores, columns, window)
        num_anchors = tf.shape(scores)[0]
        best = tf.reduce_max(scores, axis=-1)

        def unsettled(size, found):
            return (size < num_anchors) & (found.count < self.total)

        def try_more(size, _):
            size = tf.minimum(tf.maximum(_GROWTH * size, _FIRST_ANCHORS), num_anchors)
            values, anchors = tf.math.top_k(best, size, sorted=False)
            anchors = tf.sort(anchors)
            # Anchors left out have no score above this one.
            left_out = tf.where(
                size < num_anchors, tf.reduce_min(values), self.score_threshold
            )
            floor = tf.maximum(left_out, self.score_threshold)
            chosen = tf.nest.map_structure(
                lambda x: tf.gather(x, anchors), (boxes, scores, columns)
            )
            found = self._merge(self._survivors(*chosen, floor), window)
            return size, self._in_all(found, anchors)

        start = (tf.constant(0), _no_detections(self.total))
        return tf.while_loop(unsettled, try_more, start)[1]

    def _in_all(self, found, anchors):
        """_Selected of some anchors, with their places among all."""
        places = take(anchors[..., None], found.anchor_indices)[..., 0]
        real = tf.range(self.total) < found.count[..., None]
        return found._replace(anchor_indices=tf.where(real, places, 0))

    def _survivors(self, boxes, scores, columns, floor):
        """[..., M, Q, 4], [..., M, K], {name: [..., M, n]} -> _Survivors."""
        if self.classes_per_box:
            return self._over_classes(boxes, scores, columns, floor)
        return self._by_class(boxes, scores, columns, floor)

    def _by_class(self, boxes, scores, columns, floor):
        boxes = _by_box(boxes)
        columns = {name: x[..., None, :, :] for name, x in columns.items()}
        classes = scores.shape[-1]
        kept = self._suppress(
            boxes, tf.linalg.matrix_transpose(scores), columns, self.per_class, floor
        )
        of_class = tf.repeat(tf.range(classes), self.per_class)
        flat = _flat(kept.scores, -2)
        return _Survivors(
            boxes=_flat(kept.boxes, -3),
            scores=flat,
            classes=tf.broadcast_to(of_class, tf.shape(flat)),
            rows=_flat(kept.rows, -2),
        )

    def _over_classes(self, boxes, scores, columns, floor):
        """A box that is reported under several classes has the same decay in each."""
        best = tf.reduce_max(scores, axis=-1)
        lead = best.shape.rank - 1
        if boxes.shape[-2] > 1:
            own = tf.argmax(scores, axis=-1)
            boxes = tf.gather(boxes, own, batch_dims=lead + 1)
        else:
            boxes = boxes[..., 0, :]
        kept = self._suppress(boxes, best, columns, self.total, floor)
        per_box = min(self.classes_per_box, scores.shape[-1])
        top, classes = tf.math.top_k(take(scores, kept.rows), per_box)
        before = take(best, kept.rows)
        top *= tf.math.divide_no_nan(kept.scores, before)[..., None]
        real = (kept.scores > floor)[..., None] & (top > floor)
        return _Survivors(
            boxes=tf.repeat(kept.boxes, per_box, axis=-2),
            scores=_flat(tf.where(real, top, float("-inf")), -2),
            classes=_flat(classes, -2),
            rows=tf.repeat(kept.rows, per_box, axis=-1),
        )

    def _suppress(self, boxes, scores, columns, limit, floor):
        """`suppress` of the best `max_candidates`; rows count in all boxes."""
        if not self.max_candidates:
            return self.suppression.suppress(boxes, scores, columns, limit, floor)
        best = ranked(boxes, scores, columns, self.max_candidates)
        kept = self.suppression.suppress(
            best.boxes, best.scores, best.columns, limit, floor
        )
        rows = take(at_least_one(best.rows[..., None]), kept.rows)[..., 0]
        return kept._replace(rows=rows)

    def _merge(self, found, window):
        """_Survivors, [..., 4] -> _Selected: clipped, with area, sorted and padded."""
        boxes = box_ops.clip(found.boxes, window[..., None, :])
        scores = tf.where(box_ops.area(boxes) > 0.0, found.scores, float("-inf"))
        of_each = boxes, found.classes, found.rows
        return self._listed(scores, lambda order: [take(x, order) for x in of_each])

    def _listed(self, scores, chosen):
        """_Selected of the best scores.

        Args:
          scores: [..., S], -inf for what is none.
          chosen: of [..., n] places among them, their boxes, classes and rows.
        """
        size = scores.shape[-1]
        size = min(self.total, size) if size else tf.minimum(self.total, _last(scores))
        values, order = tf.math.top_k(scores, size)
        real = values > float("-inf")
        lead = real.shape.rank - 1

        def finish(x):
            inside = tf.reshape(
                real, known_shape(real) + [1] * (x.shape.rank - lead - 1)
            )
            x = tf.where(inside, x, 0)
            padding = [[0, 0]] * x.shape.rank
            padding[lead] = [0, self.total - size]
            shape = [*x.shape[:lead], self.total, *x.shape[lead + 1 :]]
            return tf.ensure_shape(tf.pad(x, padding), shape)

        boxes, classes, rows = map(finish, chosen(order))
        return _Selected(
            boxes=boxes,
            scores=finish(values),
            classes=classes,
            count=tf.reduce_sum(tf.cast(real, tf.int32), axis=-1),
            anchor_indices=rows,
        )


def _best_anchors(scores, size):
    """Of [B, A, K]: [B], which no score of the other anchors is above, and the places
    of the best `size` anchors, ascending; all, and -inf, where there are no more."""
    best, is_open = tf.reduce_max(scores, axis=-1), scores.shape[1] is None
    count = tf.shape(scores)[1] if is_open else scores.shape[1]
    if is_open:
        size = tf.minimum(size, count)
    values, anchors = tf.math.top_k(best, size)
    left_out = values[:, -1]
    if is_open:
        left_out = tf.where(size < count, left_out, float("-inf"))
    return left_out, tf.sort(anchors, axis=-1)


def _by_box(boxes):
    """[..., M, Q, 4] -> [..., Q, M, 4]."""
    if boxes.shape[-2] == 1:
        # No transposition: OpenVINO fails to move one behind the gather that follows.
        return boxes[..., 0, :][..., None, :, :]
    return tf.experimental.numpy.swapaxes(boxes, -2, -3)


def _flat(x, axis):
    """Axes `axis`, counted from the end, and the one behind it as one:
    [.., K, n, ..] -> [.., K n, ..]."""
    axis += x.shape.rank
    shape = known_shape(x)
    size = shape[axis] * shape[axis + 1]
    return tf.reshape(x, [*shape[:axis], size, *shape[axis + 2 :]])


def _last(x):
    """The size of the last axis, as a tensor."""
    return tf.shape(x)[-1]


def _with_one_anchor(boxes, scores, columns):
    """With an anchor behind the others that no threshold lets through."""

    def one_more(x, after, value=0.0):
        padding = [[0, 0]] * x.shape.rank
        padding[x.shape.rank - 1 - after] = [0, 1]
        return tf.pad(x, padding, constant_values=value)

    return (
        one_more(boxes, 2),
        one_more(scores, 1, float("-inf")),
        {name: one_more(x, 1) for name, x in columns.items()},
    )


def _one_image_spec(length):
    """The TensorSpecs of _Selected."""
    return _Selected(
        boxes=tf.TensorSpec([length, 4], tf.float32),
        scores=tf.TensorSpec([length], tf.float32),
        classes=tf.TensorSpec([length], tf.int32),
        count=tf.TensorSpec([], tf.int32),
        anchor_indices=tf.TensorSpec([length], tf.int32),
    )


def _no_detections(length):
    return tf.nest.map_structure(
        lambda spec: tf.zeros(spec.shape, spec.dtype), _one_image_spec(length)
    )
