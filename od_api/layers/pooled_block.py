"""A residual block on two maps that are pooled along rows and columns."""

import keras

from od_api.layers.chain import Chain


class PooledBlock(keras.layers.Layer):
    """Two 3x3 convolutions, pooled and added, beside a 1x1 one, and a 3x3 one behind.

    What is pooled goes through a 3x3 convolution with normaliser, the map itself
    through a 1x1 one, and behind the activation of their sum stands another block.
    Source: Law and Deng, CornerNet, ECCV 2018, section 3.5; Duan et al., CenterNet:
    Keypoint Triplets for Object Detection, ICCV 2019, section 3.3.

    Args:
      make: a `ConvHyperparams`.
      pool: of `corner_pooling` or `inner_pooling`: maps of rows and columns -> a map.
      depths: channels of the two maps that are pooled, and of what comes out.
      looks: `pool` is a cascade: it also takes two maps to look inwards in, each of a
        3x3 convolution, and two plain 3x3 convolutions go between its maxima.
      name: of the layer.
    """

    def __init__(self, make, pool, depths, *, looks=False, name):
        super().__init__(name=name)
        pooling_depth, depth = depths
        self._pool = pool
        self._rows = make.conv_block(pooling_depth, 3, name="rows")
        self._columns = make.conv_block(pooling_depth, 3, name="columns")
        self._pooled = _without_activation(make, depth, 3, "pooled")
        self._beside = _without_activation(make, depth, 1, "beside")
        self._activation = make.activation_layer(name="activation")
        self._after = make.conv_block(depth, 3, name="after")
        self._looks, self._between = [], []
        if looks:
            self._looks = [
                make.conv_block(pooling_depth, 3, name=f"look_{way}")
                for way in ("across", "along")
            ]
            self._between = [
                make.conv2d(pooling_depth, 3, name=f"between_{way}", use_bias=False)
                for way in ("rows", "columns")
            ]

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        for layer in (self._rows, self._columns, self._beside, *self._looks):
            layer.build(shape)
        pooled = self._rows.compute_output_shape(shape)
        for layer in (*self._between, self._pooled):
            layer.build(pooled)
        self._after.build(self._beside.compute_output_shape(shape))

    def call(self, feature):
        """[B, h, w, C] -> [B, h, w, depth]."""
        maps = [self._rows(feature), self._columns(feature)]
        if self._looks:
            looks = [look(feature) for look in self._looks]
            pooled = self._pool(*maps, *looks, between=self._between)
        else:
            pooled = self._pool(*maps)
        joined = self._pooled(pooled) + self._beside(feature)
        if self._activation is not None:
            joined = self._activation(joined)
        return self._after(joined)


def _without_activation(make, depth, size, name):
    return Chain(
        [make.conv2d(depth, size, name="conv"), make.norm_layer(depth, name="norm")],
        name=name,
    )
