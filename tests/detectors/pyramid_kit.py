"""A detector that a test decides what it finds, and pyramids around it."""

import types
from types import MappingProxyType

import tensorflow as tf
from google.protobuf import text_format

from od_api.core.detector import Detector
from od_api.core.registry import build
from od_api.core.types import Candidates
from od_api.postprocess.post_processing import PostProcessing
from od_api.protos import inference_pb2
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer


class Finder(Detector):
    """Finds what a function of the image says: image [H, W, 3] -> (boxes, scores).

    Attributes:
      seen: the (images, true shapes) of its calls.
    """

    num_classes = 2
    parts = MappingProxyType({})

    def __init__(self, find, selection=None):
        self._find = find
        self.seen = []
        self.resizer = KeepAspectRatioResizer(min_dimension=40, max_dimension=80)
        self.postprocess = PostProcessing(batch_non_max_suppression=selection)

    def call(self, images, true_shapes, **options):
        """What is found, [B, n, 4] and [B, n, 2]; options are kept."""
        self.seen.append((images.numpy(), true_shapes.numpy()))
        rows = [
            self._find(i[: s[0], : s[1]].numpy())
            for i, s in zip(images, true_shapes.numpy(), strict=True)
        ]
        boxes, scores = (tf.constant(x, tf.float32) for x in zip(*rows, strict=True))
        return types.SimpleNamespace(boxes=boxes, scores=scores, options=options)

    def candidates(self, predictions):
        """All of it, with columns as detectors have them."""
        shape = tf.shape(predictions.scores)[:2]
        places = tf.broadcast_to(tf.range(shape[1]), shape)
        return Candidates(
            boxes=predictions.boxes[:, :, None],
            scores=predictions.scores,
            columns={
                "level": tf.zeros([*tf.unstack(shape), 1]),
                "prior": tf.cast(places, tf.float32)[..., None],
            },
        )

    def losses(self, predictions, targets, seed=None):
        """The sum of all boxes, so that a test sees which view it is of."""
        return {"loss": tf.reduce_sum(predictions.boxes)}

    def decode(self, predictions):
        """As they are."""
        return predictions.boxes

    def scores(self, predictions):
        """As they are."""
        return predictions.scores


def pyramid(text, detector):
    """The pyramid of an ImagePyramid message in text."""
    message = text_format.Parse(text, inference_pb2.ImagePyramid())
    return build(inference_pb2.Inference(image_pyramid=message), detector=detector)


def keep(short, long, more=""):
    """A size in text."""
    return f"""sizes {{ image_resizer {{ keep_aspect_ratio_resizer {{
        min_dimension: {short} max_dimension: {long} }} }} {more} }} """
