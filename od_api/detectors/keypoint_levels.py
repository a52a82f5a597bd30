"""How a keypoint detector learns and groups the maps of several levels."""

import tensorflow as tf

from od_api.core.replicas import sum_over_replicas
from od_api.core.types import Grouped


class Stacks:
    """Maps of one stride: each learns all objects, and the last one is grouped.

    Of the stacks of an hourglass this is their intermediate supervision.

    Args:
      strides: {level: pixels of a cell}, all equal.
    """

    def __init__(self, strides):
        self.levels = tuple(strides)
        self.stride = next(iter(strides.values()))

    def losses(self, objective, maps, targets):
        """{level: {name: [B, h, w, n]}} -> {name: scalar}, the mean of the levels."""
        of_levels = [
            objective(maps[level], targets, self.stride) for level in self.levels
        ]
        return {name: loss / len(of_levels) for name, loss in _sums(of_levels).items()}

    def grouped(self, grouping, maps):
        """{level: {name: [B, h, w, n]}} -> Grouped."""
        return grouping(maps[self.levels[-1]], self.stride)


class Layers:
    """Maps of which each learns, and finds, objects of its own.

    An object may belong to several layers. Losses are divided by all pairs of an object
    and its layer, and added up. A box that does not belong to the layer that it was
    grouped in is left out, and the best of all layers go on. Source: Rashwan et al.,
    Matrix Nets, ICCV Workshops 2019, section 3.1, and its authors' code.

    Args:
      strides: {level: pixels of a cell, a number or (y, x)}.
      objects: which boxes belong to which level: `belong(boxes, number)`.
    """

    def __init__(self, strides, objects):
        self.levels = tuple(strides)
        self.strides = strides
        self.objects = objects

    def losses(self, objective, maps, targets):
        """{level: {name: [B, h, w, n]}} -> {name: scalar}, the sum of the levels."""
        own = [self._own(targets, number) for number in range(len(self.levels))]
        counts = [tf.reduce_sum(tf.where(one.objects, one.weights, 0.0)) for one in own]
        divisor = tf.maximum(sum_over_replicas(tf.add_n(counts)), 1.0)
        return _sums(
            [
                objective(maps[level], one, self.strides[level], divisor)
                for level, one in zip(self.levels, own, strict=True)
            ]
        )

    def _own(self, targets, number):
        """The same with the objects of one level alone; what is ignored stays."""
        fits = self.objects.belong(targets.boxes, number)
        if targets.ignored is not None:
            fits |= targets.ignored
        return targets._replace(valid=targets.valid & fits)

    def grouped(self, grouping, maps):
        """{level: {name: [B, h, w, n]}} -> Grouped, with a column `level`.

        As many boxes as the grouping makes of one level.
        """
        found = [self._found(grouping, maps, n) for n in range(len(self.levels))]
        every = tf.nest.map_structure(lambda *x: tf.concat(x, axis=1), *found)
        best = tf.reduce_max(every.scores, axis=-1)
        _, rows = tf.math.top_k(best, found[0].boxes.shape[1])
        return tf.nest.map_structure(lambda x: tf.gather(x, rows, batch_dims=1), every)

    def _found(self, grouping, maps, number):
        """Grouped of one level: boxes that belong to it."""
        level = self.levels[number]
        made = grouping(maps[level], self.strides[level])
        valid = made.valid & self.objects.belong(made.boxes, number)
        places = tf.fill(tf.shape(valid), float(number))
        return Grouped(
            boxes=tf.where(valid[..., None], made.boxes, 0.0),
            scores=tf.where(valid[..., None], made.scores, 0.0),
            valid=valid,
            columns=(made.columns or {}) | {"level": places[..., None]},
        )


def _sums(of_levels):
    """[{name: scalar}] -> {name: their sum}."""
    return {
        name: tf.add_n([losses[name] for losses in of_levels]) for name in of_levels[0]
    }
