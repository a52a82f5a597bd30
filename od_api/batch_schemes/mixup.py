"""Two images in one."""

import tensorflow as tf

from od_api.batch_schemes._scheme import BatchScheme, boxes_joined, groups_of
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import batch_scheme_pb2

_OF_IMAGES = ("image", "true_shape", "scale", "image_classes")


@register(batch_scheme_pb2.Mixup)
class Mixup(BatchScheme):
    """Visually coherent mixup (Zhang et al., Bag of Freebies, 2019, section 3.1).

    An image becomes s x1 + (1 - s) x2 with s from Beta(alpha, alpha), on a canvas of
    the larger height and the larger width, and nothing is resized. It has the boxes of
    both, with their weights times the share of their image, and its scale, which size
    ranges look at, is the geometric mean of the two. Classes of whole images are mixed
    by the same shares.

    Args:
      alpha: above 0.
    """

    factor = 2

    def __init__(self, *, alpha=1.5):
        ranges.above("alpha", alpha)
        self._alpha = alpha

    def __call__(self, batch, seed):
        pairs = {name: groups_of(rows, 2) for name, rows in batch.items()}
        first = self._shares(tf.shape(batch["image"])[0] // 2, seed)
        shares = tf.stack([first, 1.0 - first], axis=1)
        pairs["weights"] *= shares[:, :, None]
        mixed = {
            name: boxes_joined(rows)
            for name, rows in pairs.items()
            if name not in _OF_IMAGES
        }
        if "scale" in batch:
            mixed["scale"] = tf.sqrt(tf.reduce_prod(pairs["scale"], axis=1))
        if "image_classes" in batch:
            mixed["image_classes"] = tf.reduce_sum(
                pairs["image_classes"] * shares[:, :, None], axis=1
            )
        images = pairs["image"] * shares[:, :, None, None, None]
        return {
            **mixed,
            "image": tf.reduce_sum(images, axis=1),
            "true_shape": tf.reduce_max(pairs["true_shape"], axis=1),
        }

    def _shares(self, count, seed):
        """[count] float32 from Beta(alpha, alpha): a share of two gamma variables."""
        drawn = tf.random.stateless_gamma([2, count], seed, self._alpha)
        return tf.math.divide_no_nan(drawn[0], drawn[0] + drawn[1])
