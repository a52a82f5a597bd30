"""A detector that sees each image at several sizes, and mirrored, before it decides."""

import copy
from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core import ranges
from od_api.core.detector import Detector
from od_api.core.errors import ConfigError
from od_api.core.registry import build_field, register
from od_api.core.shapes import image_windows, scale_between
from od_api.core.types import Candidates
from od_api.detectors.view import View, largest
from od_api.protos import inference_pb2

# Unset, both are the model's.
_MERGING = ("batch_non_max_suppression", "suppression")


class PyramidPredictions(NamedTuple):
    """Raw outputs of all views, in the order of the pyramid's views.

    Attributes:
      seen: a tuple of the detector's predictions.
      shapes: a tuple of [B, 2] int32: the images inside the padding of each view.
      true_shapes: [B, 2] int32, those of the network's input.
      scale: [B] float32, pixels of the network's input for each of the image's file.
    """

    seen: tuple
    shapes: tuple
    true_shapes: tf.Tensor
    scale: Any


@register(inference_pb2.ImagePyramid)
class ImagePyramid(Detector):
    """Runs a detector on each image at several sizes and merges what it finds.

    What the detector would choose detections from is put together of all views, each
    cleared of boxes whose size is not in its range, and then suppressed once: one size
    alone gives the very detections of the detector. The sizes of boxes are those inside
    the image. Sources: Singh and Davis, An Analysis of Scale Invariance in Object
    Detection - SNIP, CVPR 2018, section 5 (ranges); He et al., Deep Residual Learning,
    CVPR 2016, appendix (sizes).

    The network's input is the largest size. The smaller ones are made of it in the
    graph, by their resizers: an image is read once and interpolated twice, and their
    sides may differ by a pixel from those that the file's image would give. Losses are
    those of the largest size.

    Masks are means over the views in whose ranges a detection lies.

    Args:
      detector: a Detector.
      views: Views, unmirrored ones of the largest size first among their size.
      pixels: of what ranges are: of the IMAGE in its file, or of the INPUT of a size.
      postprocess: PostProcessing, which merges; None: the detector's own.

    Attributes:
      reads: ("scale",) where ranges are in pixels of the image in its file.
    """

    def __init__(self, *, detector, views, pixels="IMAGE", postprocess=None):
        self._detector = detector
        self._views = tuple(views)
        self._base = largest(self._views)
        self._pixels = pixels
        self.num_classes = detector.num_classes
        self.options = detector.options
        self.candidates_are_ranked = detector.candidates_are_ranked
        self.resizer = self._views[self._base].resizer
        self.parts = detector.parts
        ranged = any(view.has_range for view in self._views)
        self.reads = ("scale",) if ranged and pixels == "IMAGE" else ()
        self.postprocess = postprocess or detector.postprocess

    @classmethod
    def from_proto(cls, message, detector):
        """The pyramid of an ImagePyramid message around a detector."""
        if not detector.finds_boxes:
            raise ConfigError("merges boxes, and this model finds none: remove it")
        postprocess = detector.postprocess
        if any(message.HasField(name) for name in _MERGING):
            postprocess = postprocess.with_fields_of(
                message, num_classes=detector.num_classes
            )
        return cls(
            detector=detector,
            views=_views(message, detector),
            pixels=message.Pixels.Name(message.pixels),
            postprocess=postprocess,
        )

    def call(
        self,
        images,
        true_shapes,
        training=False,
        targets=None,
        seed=None,
        scale=None,
        **options,
    ):
        """Raw predictions of all views of a batch.

        Args:
          images: [B, H, W, 3] float32 in 0..255, resized by `resizer` and padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          training, targets, seed: not used: a pyramid does not train.
          scale: [B] float32, pixels of `images` for each pixel of the image in its
            file, for ranges in pixels of that; None: 1.
          **options: the detector's.

        Returns:
          PyramidPredictions.
        """
        del training, targets, seed
        seen, shapes = [], []
        base = self._views[self._base].resizer
        for view in self._views:
            shown, inside = view.show(images, true_shapes, view.resizer is base)
            seen.append(self._detector.call(shown, inside, **options))
            shapes.append(inside)
        return PyramidPredictions(tuple(seen), tuple(shapes), true_shapes, scale)

    def losses(self, predictions, targets, seed=None):
        """The detector's losses at the largest size."""
        return self._detector.losses(predictions.seen[self._base], targets, seed)

    def candidates(self, predictions):
        """PyramidPredictions -> Candidates of all views, view after view."""
        found = [self._candidates_of(i, predictions) for i in range(len(self._views))]
        return Candidates.joined(found)

    def instance_masks(self, predictions, found):
        """The means of the masks of all views, or None."""
        seen = [self._masks_of(i, predictions, found) for i in range(len(self._views))]
        if None in seen:
            return None
        weights = tf.stack([weight for _, weight in seen])
        # A merged box may have a size that no view has in its range.
        weights += tf.cast(tf.reduce_sum(weights, axis=0) == 0.0, tf.float32)
        weights /= tf.reduce_sum(weights, axis=0)
        masks = tf.stack([mask for mask, _ in seen])
        return tf.reduce_sum(masks * weights[..., None, None], axis=0)

    def decode(self, predictions):
        """PyramidPredictions -> [B, A, 4] boxes of all views, not clipped."""
        boxes = [
            view.put_back(self._detector.decode(seen), inside, predictions.true_shapes)
            for view, seen, inside in self._of_views(predictions)
        ]
        return tf.concat(boxes, axis=1)

    def scores(self, predictions):
        """PyramidPredictions -> [B, A, C] scores of all views, whatever the ranges."""
        scores = [self._detector.scores(seen) for seen in predictions.seen]
        return tf.concat(scores, axis=1)

    def static(self):
        """The same around the detector in its forms for XLA."""
        other = copy.copy(self)
        other._detector = self._detector.static()
        return other

    def _of_views(self, predictions):
        return zip(self._views, predictions.seen, predictions.shapes, strict=True)

    def _candidates_of(self, i, predictions):
        """Candidates of a view, in pixels of the largest size."""
        view, shapes = self._views[i], predictions.shapes[i]
        found = self._detector.candidates(predictions.seen[i])
        boxes = view.put_back(found.boxes, shapes, predictions.true_shapes)
        scores = found.scores
        if view.has_range:
            counts = self._counts(view, boxes, shapes, predictions)
            scores = tf.where(counts, scores, float("-inf"))
        return Candidates(boxes, scores, found.columns)

    def _masks_of(self, i, predictions, found):
        """(masks [B, N, mh, mw] by a view, weights [B, N]); None without masks."""
        view, shapes = self._views[i], predictions.shapes[i]
        boxes = view.bring(found.boxes, shapes, predictions.true_shapes)
        masks = self._detector.instance_masks(
            predictions.seen[i], found._replace(boxes=boxes)
        )
        if masks is None:
            return None
        counts = self._counts(view, found.boxes, shapes, predictions)
        masks = tf.reverse(masks, [-1]) if view.mirrored else masks
        return masks, tf.cast(counts, tf.float32)

    def _counts(self, view, boxes, shapes, predictions):
        """[B, ..., 4] boxes -> [B, ...] bool: which have a size of the view's range."""
        windows = image_windows(predictions.true_shapes)
        rank = boxes.shape.rank
        windows = tf.reshape(windows, [-1, *[1] * (rank - 2), 4])
        sizes = tf.sqrt(box_ops.area(box_ops.clip(boxes, windows)))
        scale = predictions.scale
        if self._pixels == "INPUT":
            scale = scale_between(shapes, predictions.true_shapes)
        if scale is not None:
            sizes /= tf.reshape(scale, [-1, *[1] * (rank - 2)])
        return box_ops.within_sizes(sizes, view.low, view.high)


def _views(message, detector):
    """The Views of an ImagePyramid message."""
    sizes = list(message.sizes) or [inference_pb2.PyramidSize()]
    views = []
    for i, size in enumerate(sizes):
        try:
            views += _views_of(size, detector.resizer, message.flip)
            _check_size(views[-1].resizer, detector)
        except ConfigError as error:
            raise error.within(f"sizes[{i}]") from error
    if len(sizes) > 1:
        _check_kinds([view.resizer for view in views[:: len(views) // len(sizes)]])
    return views


def _views_of(size, default, flip):
    resizer = default
    if size.HasField("image_resizer"):
        resizer = build_field(size, "image_resizer")
    try:
        ranges.at_least("low", size.low)
        low, high = ranges.ordered("low", size.low, "high", size.high)
    except ranges.RangeError as error:
        raise ConfigError(str(error), error.field) from error
    view = View(resizer, low, high)
    return [view, view._replace(mirrored=True)] if flip else [view]


def _check_size(resizer, detector):
    wanted = detector.resizer.output_shape
    if detector.of_one_size and resizer.output_shape != wanted:
        raise ConfigError(
            "gives another size than the model's image_resizer, and its box_coder "
            "measures in heights and widths of that: remove the size, or train with "
            "faster_rcnn_box_coder",
            "image_resizer",
        )


def _check_kinds(resizers):
    """Of several sizes the smaller ones are made of the largest."""
    for i, resizer in enumerate(resizers):
        place = f"sizes[{i}].image_resizer"
        if not getattr(resizer, "by_proportions", False):
            raise ConfigError(
                "gives sizes that depend on the file's, and several sizes are made of "
                "one: use fixed_shape_resizer or keep_aspect_ratio_resizer",
                place,
            )
        if type(resizer) is not type(resizers[0]):
            raise ConfigError(
                "is of another kind than that of the first size: all of a pyramid are "
                "fixed_shape_resizer, or all keep_aspect_ratio_resizer",
                place,
            )
