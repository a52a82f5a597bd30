"""A convolution of several dilations, whose results are rows of one batch."""

import keras
import tensorflow as tf

from od_api.layers.sampled_conv import conv


class BranchedConv2D(keras.layers.Conv2D):
    """One kernel with several dilations, a branch each.

    The batch has the images of the first branch, then those of the second, and so on:
    B images are n x B rows. Kernel and bias are those of `keras.layers.Conv2D`: weights
    of one fit.

    Args:
      dilations: of the branches.
      alone: the branch that runs where nothing is trained; None: all of them.
      opens: all branches read the same B images, which this makes n x B rows of.
      **arguments: those of `keras.layers.Conv2D`; a dilation among them multiplies.
    """

    def __init__(self, *, dilations, alone=None, opens=False, **arguments):
        super().__init__(**arguments)
        self._dilations = tuple(d * self.dilation_rate[0] for d in dilations)
        self._alone = alone
        self._opens = opens

    def call(self, features, training=False):
        """[n * B, h, w, C], or [B, h, w, C] where it opens -> [n * B, h', w', C']."""
        dilations = self._dilations
        if self._alone is not None and not training:
            dilations = dilations[self._alone :][:1]
        if self._opens:
            made = {d: self._convolved(features, d) for d in set(dilations)}
            parts = [made[d] for d in dilations]
        else:
            parts = tf.split(features, len(dilations), axis=0)
            parts = [
                self._convolved(x, d) for x, d in zip(parts, dilations, strict=True)
            ]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)

    def _convolved(self, features, dilation):
        out = conv(
            features,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=dilation,
        )
        return out + tf.cast(self.bias, out.dtype) if self.use_bias else out
