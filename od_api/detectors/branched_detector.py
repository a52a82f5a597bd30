"""A detector whose backbone sees each image in several branches, joined again."""

import copy
from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core import ranges
from od_api.core.detector import Detector
from od_api.core.registry import build
from od_api.core.shapes import image_windows
from od_api.core.types import Candidates, Detections, LeftOut
from od_api.protos import ignore_rule_pb2


class BranchedPredictions(NamedTuple):
    """Raw outputs of all branches that ran.

    Attributes:
      seen: the predictions of a detector, whose batch is branch after branch.
      branches: the branches that ran, ints.
      true_shapes: [B, 2] int32, of the images.
    """

    seen: Any
    branches: tuple
    true_shapes: tf.Tensor


class BranchedDetector(Detector):
    """Trains a detector on the rows of all branches, and joins what these find.

    To the detector within, n branches of B images are a batch of n x B. Whatever its
    branch, a row has the image's ground truth; the objectives leave out sizes that are
    not the branch's (`branch_ranges`). Candidates of all branches are put together,
    each cleared of boxes whose size is not in its range, and suppressed once. A branch
    that runs alone finds everything.

    Args:
      detector: a Detector, whose backbone makes rows for each branch.
      branches: the backbone's Branches.
    """

    def __init__(self, detector, branches):
        self._detector = detector
        self._branches = branches
        self.num_classes = detector.num_classes
        self.resizer = detector.resizer
        self.parts = detector.parts
        self.postprocess = detector.postprocess
        self.options = detector.options
        self.candidates_are_ranked = detector.candidates_are_ranked
        self.of_one_size = detector.of_one_size

    def call(
        self, images, true_shapes, training=False, targets=None, seed=None, **options
    ):
        """Raw predictions of a batch; see `Detector.call`.

        Returns:
          BranchedPredictions.
        """
        running = tuple(self._branches.running(training))
        seen = self._detector.call(
            images,
            _rows(true_shapes, running),
            training=training,
            targets=None if targets is None else _targets(targets, running),
            seed=seed,
            **options,
        )
        return BranchedPredictions(seen, running, true_shapes)

    def priors(self, images, true_shapes, training=False):
        """The detector's: each branch has the same."""
        return self._detector.priors(images, true_shapes, training)

    def losses(self, predictions, targets, seed=None):
        """The detector's, the means over the branches that ran."""
        targets = _targets(targets, predictions.branches)
        return self._detector.losses(predictions.seen, targets, seed)

    def candidates(self, predictions):
        """BranchedPredictions -> Candidates of all branches, with a column `branch`."""
        running = predictions.branches
        found = self._detector.candidates(predictions.seen)
        boxes, scores = (_split(x, running) for x in (found.boxes, found.scores))
        columns = {name: _split(x, running) for name, x in found.columns.items()}
        together = []
        for i, branch in enumerate(running):
            own = {name: parts[i] for name, parts in columns.items()}
            own["branch"] = tf.fill(tf.shape(own["prior"]), float(branch))
            scored = self._in_range(branch, boxes[i], scores[i], predictions)
            together.append(Candidates(boxes[i], scored, own))
        return Candidates.joined(together)

    def instance_masks(self, predictions, found):
        """Masks of Detections, each by the branch that found it; None without any."""
        running = predictions.branches
        rows = Detections(*(None if x is None else _rows(x, running) for x in found))
        masks = self._detector.instance_masks(predictions.seen, rows)
        if masks is None:
            return None
        count = tf.shape(self.decode(predictions))[1] // len(running)
        finder = (found.anchor_indices // count)[..., None, None]
        parts = _split(masks, running)
        return tf.add_n(
            [tf.where(finder == i, x, tf.zeros_like(x)) for i, x in enumerate(parts)]
        )

    def decode(self, predictions):
        """BranchedPredictions -> [B, A, 4] boxes of all branches, not clipped."""
        boxes = self._detector.decode(predictions.seen)
        return tf.concat(_split(boxes, predictions.branches), axis=1)

    def scores(self, predictions):
        """BranchedPredictions -> [B, A, C] of all branches, whatever the ranges."""
        scores = self._detector.scores(predictions.seen)
        return tf.concat(_split(scores, predictions.branches), axis=1)

    def static(self):
        """The same around the detector in its forms for XLA."""
        other = copy.copy(self)
        other._detector = self._detector.static()
        return other

    def _in_range(self, branch, boxes, scores, predictions):
        """[B, P, K] scores of a branch: those of sizes that are not its own cleared."""
        if not self._branches.ranges or len(predictions.branches) == 1:
            return scores
        windows = image_windows(predictions.true_shapes)[:, None, None]
        sizes = tf.sqrt(box_ops.area(box_ops.clip(boxes, windows)))
        counts = box_ops.within_sizes(sizes, *self._branches.ranges[branch])
        return tf.where(counts, scores, float("-inf"))


def joining_branches(detector):
    """A detector, inside a BranchedDetector where its backbone has branches."""
    branches = detector.parts["backbone"].branches
    return detector if branches is None else BranchedDetector(detector, branches)


def branch_ranges(branches, *measured):
    """Ignore rules of an objective: each branch learns sizes in its range alone.

    Args:
      branches: the Branches of a backbone; None.
      *measured: OBJECTS, PRIORS or both, see SizeRange.
    """
    if branches is None or not branches.ranges:
        return []
    return [
        _OfBranch(i, one, kind)
        for i, one in enumerate(branches.ranges)
        for kind in measured
    ]


class _OfBranch:
    """A SizeRange of the rows of one branch."""

    def __init__(self, branch, size_range, measured):
        low, high = size_range
        self._branch = branch
        # What overlaps an object outside of the range is background all the same.
        self._rule = build(
            ignore_rule_pb2.SizeRange(
                low=low,
                high=min(high, ranges.LARGEST),
                measured=measured,
                pixels="INPUT",
                limit=1.0,
                skip_images=False,
            )
        )

    def __call__(self, priors, targets):
        """Priors [(B,) A], Targets with `branches` -> LeftOut."""
        here = (targets.branches == self._branch)[:, None]
        found = self._rule(priors, targets)
        return LeftOut(*(part if part is None else part & here for part in found))


def _rows(x, running):
    """[B, ...] -> [n * B, ...], a row for each branch."""
    return x if len(running) == 1 else tf.concat([x] * len(running), axis=0)


def _split(x, running):
    """[n * B, ...] -> n times [B, ...]."""
    return tf.split(x, len(running), axis=0)


def _targets(targets, running):
    """Targets of B images -> those of their rows, with `branches`."""
    whole = {"longest": targets.longest}
    rows = {
        name: None if x is None else _rows(x, running)
        for name, x in targets._asdict().items()
        if name not in whole
    }
    images = tf.shape(targets.valid)[0]
    rows["branches"] = tf.repeat(tf.constant(running, tf.int32), images)
    return targets._replace(**rows)
