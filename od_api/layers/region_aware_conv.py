"""Dynamic region-aware convolution: regions of a map have kernels of their own."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.shapes import spatial_shape
from od_api.layers.adaptive_pooling import bin_means


def region_mask(guide):
    """[B, h, w, m] -> the same: 1 for the region of each cell, 0 for the others.

    A cell is of the region with the largest number, of the first of equal ones. The
    gradient is that of a softmax in its place.
    """
    soft = tf.nn.softmax(guide)
    hard = tf.one_hot(tf.argmax(guide, axis=-1), guide.shape[-1], dtype=guide.dtype)
    return hard + (soft - tf.stop_gradient(soft))


def region_conv(features, kernels, mask, stride=1):
    """A convolution, padded as "same", by the kernel of each cell's region.

    All taps of a cell use the kernel of the region that the cell itself is of.

    Args:
      features: [B, h, w, C].
      kernels: [B, m, k, k, C, C'], each image's own; k is odd.
      mask: [B, h', w', m], of `region_mask`.
      stride: every so many cells of `features` one is made: h' is h / stride, upwards.

    Returns:
      [B, h', w', C'].
    """
    side, depth, filters = kernels.shape[2], kernels.shape[4], kernels.shape[5]
    regions = kernels.shape[1]
    patches = features
    if side > 1 or stride > 1:
        patches = tf.image.extract_patches(
            features, [1, side, side, 1], [1, stride, stride, 1], [1, 1, 1, 1], "SAME"
        )
    flat = tf.reshape(kernels, [-1, regions, side * side * depth, filters])
    made = tf.einsum("bhwp,bmpo->bhwmo", patches, flat)
    return tf.einsum("bhwmo,bhwm->bhwo", made, mask)


class RegionAwareConv2D(keras.layers.Layer):
    """A convolution whose kernels are made of the image, one for each of m regions.

    A 3x3 convolution guides: its largest number says the region of a cell. Means of k x
    k bins of the map go through a 1x1 convolution to m * m numbers with a sigmoid, and
    each m of them through a product of their own to the kernel of a region. Source:
    Chen et al., Dynamic Region-Aware Convolution, CVPR 2021, sections 3.1 to 3.3.

    Args:
      filters: channels that come out.
      kernel_size: k, odd.
      regions: m.
      strides: every so many cells one is made, as by "same" padding.
      kernel_initializer: of an ordinary convolution in its place, whose variance those
        that it makes have at first; what comes out has no bias.
      kernel_regularizer: of all its kernels.
      name: of the layer.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        *,
        regions=8,
        strides=1,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        name="region_aware_conv",
    ):
        super().__init__(name=name)
        ranges.at_least("filters", filters, 1, ranges.MOST_CHANNELS)
        ranges.between("regions", regions, 1, 64)
        if kernel_size not in (1, 3, 5, 7):
            raise ValueError(f"kernel_size is {kernel_size}: take 1, 3, 5 or 7")
        self.filters, self.kernel_size, self.regions = filters, kernel_size, regions
        self.strides = ranges.at_least("strides", strides, 1, ranges.MOST_CELLS)
        self._initializer = keras.initializers.get(kernel_initializer)
        self._regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        kernel = {
            "kernel_initializer": self._initializer.clone(),
            "kernel_regularizer": self._regularizer,
        }
        self.guide = keras.layers.Conv2D(
            self.regions, 3, self.strides, padding="same", name="guide", **kernel
        )
        self.squeeze = keras.layers.Conv2D(
            self.regions**2, 1, activation="sigmoid", name="squeeze", **kernel
        )
        self.guide.build(shape)
        self.squeeze.build(shape)
        self._depth = shape[-1]
        numbers = self._depth * self.filters
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.regions, self.regions, numbers),
            initializer=self._initial,
            regularizer=self._regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.regions, numbers), initializer="zeros"
        )
        self.built = True

    def _initial(self, shape, dtype=None):
        """What makes kernels of an ordinary one's variance, by numbers near a half.

        Larger ones would learn more slowly behind a batch norm.
        """
        side = self.kernel_size
        ordinary = (side, side, self._depth, self.filters)
        count = -(-(self.regions**2) // side**2)
        drawn = [self._initializer.clone()(ordinary, dtype) for _ in range(count)]
        taps = tf.reshape(tf.stack(drawn), [-1, shape[-1]])[: self.regions**2]
        return 2.0 / self.regions**0.5 * tf.reshape(taps, shape)

    def compute_output_shape(self, shape):
        """[B, h, w, C] -> [B, h / strides, w / strides, filters], upwards."""
        return (*self.guide.compute_output_shape(shape)[:3], self.filters)

    def kernels(self, features):
        """[B, h, w, C] -> [B, m, k, k, C, filters], what each region is read with."""
        side, m = self.kernel_size, self.regions
        squeezed = self.squeeze(bin_means(features, side, side))
        squeezed = tf.reshape(squeezed, [-1, side, side, m, m])
        made = tf.einsum(
            "bijmn,mnp->bmijp", squeezed, tf.convert_to_tensor(self.kernel)
        )
        made += tf.cast(self.bias, made.dtype)[:, None, None]
        return tf.reshape(made, [-1, m, side, side, self._depth, self.filters])

    def call(self, features):
        """[B, h, w, C] -> [B, h / strides, w / strides, filters], upwards."""
        mask = region_mask(self.guide(features))
        height, width = spatial_shape(mask)
        out = region_conv(features, self.kernels(features), mask, self.strides)
        return tf.reshape(out, [-1, height, width, self.filters])
