"""ResNet whose first layers are made for small images (Singh and Davis, CVPR 2018)."""

import functools

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.backbones.resnet import BLOCKS
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.imagenet_means import bgr_less_means
from od_api.protos import backbone_pb2

FIRST = "conv1_conv"
PADDINGS = ("fixed", "same")


@register(backbone_pb2.SmallInputResnet)
class SmallInputResnet(StagedNetwork):
    """A ResNet v1 with another first convolution, and perhaps without its pool.

    Images of 48 px want a 3x3 kernel of stride 1, those of 96 px a 5x5 one of stride 2
    (CNN-S of SNIP's study, section 3). Without the pool all strides are half as long.

    Args:
      depth: 50, 101 or 152 layers.
      stem_kernel: side of the first kernel, odd.
      stem_stride: 1 or 2.
      stem_pool: whether the 3x3 pool of stride 2 follows.
      stem_padding: "fixed": as many zeros on every side; "same": one more at the end,
        where a side is even and the stride 2.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights;
        the first convolution stays random where its kernel has another size.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon 1.001e-5, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        depth=50,
        stem_kernel=3,
        stem_stride=1,
        stem_pool=False,
        stem_padding="fixed",
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"small_input_resnet{depth}")
        _check(depth, stem_kernel, stem_stride, stem_padding)
        stem = (stem_kernel, stem_stride, stem_pool, stem_padding == "same")

        def edit(layer, config):
            other = _edit_stem(layer, config, *stem)
            return other or keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        keras_model = functools.partial(_keras_model, depth)
        network = keras_network.rebuild(
            keras_model(None, (None, None, 3)), name=self.name, edit=edit
        )
        first = stem_stride * (2 if stem_pool else 1)
        stages = {
            f"C{i}": (f"conv{i}_block{blocks}_out", first * 2 ** (i - 2))
            for i, blocks in enumerate(BLOCKS[depth], start=2)
        }
        self._read_stages(
            network,
            stages,
            second_stage_after="C4" if second_stage else None,
            optional=(FIRST,),
        )
        self._load_initial(weights, lambda: keras_model("imagenet", (224, 224, 3)))

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> BGR less the ImageNet means, float32."""
        return bgr_less_means(images)


def _check(depth, kernel, stride, padding):
    if depth not in BLOCKS:
        raise ranges.RangeError(
            "depth", f"depth is {depth}, and must be 50, 101 or 152"
        )
    ranges.between("stem_kernel", kernel, 1, 15)
    if kernel % 2 == 0:
        raise ranges.RangeError(
            "stem_kernel", f"stem_kernel is {kernel}, and must be odd"
        )
    ranges.between("stem_stride", stride, 1, 2)
    if padding not in PADDINGS:
        raise ranges.RangeError(
            "stem_padding", f"stem_padding is {padding!r}: it is fixed or same"
        )


def _edit_stem(layer, config, kernel, stride, pool, same):
    """Changes the config of a layer of the stem; what takes its place, or None."""
    if layer.name == FIRST:
        config.update(kernel_size=(kernel, kernel), strides=(stride, stride))
        if same:
            config["padding"] = "same"
    elif layer.name == "conv1_pad":
        zeros = 0 if same else kernel // 2
        return keras.layers.ZeroPadding2D(zeros, name=layer.name)
    elif layer.name in ("pool1_pad", "pool1_pool") and not pool:
        return keras.layers.Identity(name=layer.name)
    return None


def _keras_model(depth, weights, input_shape):
    make = getattr(keras.applications, f"ResNet{depth}")
    return make(input_shape=input_shape, include_top=False, weights=weights)
