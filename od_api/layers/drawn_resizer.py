"""A resizer that is chosen where data is read."""

import tensorflow as tf


class DrawnResizer:
    """The resizer of an index, an int32 scalar tensor."""

    output_shape = None

    def __init__(self, resizers, index):
        self._resizers, self._index = resizers, index

    def __call__(self, image):
        return self._drawn(lambda resizer: resizer(image))

    def masks(self, masks):
        """[G, h, w] -> [G, H, W], as the image goes."""
        return self._drawn(lambda resizer: resizer.masks(masks))

    def _drawn(self, use):
        return tf.switch_case(self._index, [lambda r=r: use(r) for r in self._resizers])
