"""What a Hyperparams message says about convolutions, as a maker of Keras layers."""

import math

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.chain import Chain
from od_api.layers.fused_batch_norm import FusedBatchNormalization
from od_api.layers.kernel_settings import kernel_initializer, kernel_regularizer
from od_api.layers.low_rank_conv import LowRankConv2D
from od_api.protos import hyperparams_pb2

ACTIVATIONS = {"NONE": None, "RELU": "relu", "RELU_6": "relu6", "SWISH": "silu"}

# Groups of a group norm, from Wu and He (ECCV 2018), as far as the depth allows.
GROUPS = 32


@register(
    hyperparams_pb2.Hyperparams,
    ignored={
        "op": "the layer that the settings are used for decides",
        "regularize_depthwise": "depthwise kernels are always regularised",
    },
)
class ConvHyperparams:
    """Makes convolutions, normalisers and activations of one kind.

    Every layer gets an initialiser of its own: a Keras initialiser that is shared
    gives the same numbers to every kernel of the same shape.

    Args:
      regularizer: a Keras regulariser for kernels, or None.
      initializer: a Keras initialiser for kernels; None means Keras' own default.
      activation: NONE, RELU, RELU_6 or SWISH.
      normalizer: None, "batch_norm" or "group_norm".
      batch_norm: arguments for `FusedBatchNormalization`.
      force_use_bias: convolutions have a bias even where a normaliser follows.
      low_rank: above 0: convolutions of more than 1x1 are `LowRankConv2D`s of this
        share of the full rank; depthwise and transposed ones stay.
      explicit: names of Keras batch-norm arguments, and "activation", that were set
        and not left to their defaults; a backbone changes only these.
    """

    def __init__(
        self,
        *,
        regularizer=None,
        initializer=None,
        activation="RELU",
        normalizer=None,
        batch_norm=None,
        force_use_bias=False,
        low_rank=0.0,
        explicit=(),
    ):
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}")
        self.regularizer = regularizer
        self.initializer = initializer
        self.activation = activation
        self.normalizer = normalizer
        self.batch_norm = dict(batch_norm or {})
        self.force_use_bias = force_use_bias
        self.low_rank = ranges.probability("low_rank", low_rank)
        self.explicit = frozenset(explicit)

    @classmethod
    def from_proto(cls, message, **context):
        """The settings that a Hyperparams message describes."""
        normalizer = message.WhichOneof("normalizer_oneof")
        batch_norm, explicit = {}, set()
        if normalizer in ("batch_norm", "sync_batch_norm"):
            batch_norm, explicit = _batch_norm(getattr(message, normalizer))
            batch_norm["synchronized"] = normalizer == "sync_batch_norm"
            explicit.add("synchronized")
            normalizer = "batch_norm"
        if message.HasField("activation"):
            explicit.add("activation")
        return cls(
            regularizer=kernel_regularizer(message.regularizer),
            initializer=kernel_initializer(message.initializer),
            activation=message.Activation.Name(message.activation),
            normalizer=normalizer,
            batch_norm=batch_norm,
            force_use_bias=message.force_use_bias,
            low_rank=message.low_rank,
            explicit=explicit,
        )

    def new_initializer(self):
        """A fresh initialiser with numbers of its own; None for Keras' default."""
        return None if self.initializer is None else self.initializer.clone()

    @property
    def use_bias(self):
        """Whether convolutions have a bias: not where a normaliser adds an offset."""
        offset = self.normalizer is not None and self.batch_norm.get("center", True)
        return self.force_use_bias or not offset

    def conv2d(self, filters, kernel_size, *, name, use_bias=None, **arguments):
        """A convolution; `arguments` are further ones of `keras.layers.Conv2D`."""
        arguments = {
            "name": name,
            "use_bias": self.use_bias if use_bias is None else use_bias,
            **self._kernel("kernel"),
            "padding": "same",
            **arguments,
        }
        if self.low_rank and kernel_size not in (1, (1, 1)):
            return LowRankConv2D(filters, kernel_size, share=self.low_rank, **arguments)
        return keras.layers.Conv2D(filters, kernel_size, **arguments)

    def depthwise_conv2d(self, kernel_size, *, name, **arguments):
        """A convolution of each channel by itself."""
        return keras.layers.DepthwiseConv2D(
            kernel_size,
            name=name,
            use_bias=self.use_bias,
            **self._kernel("depthwise"),
            **{"padding": "same", **arguments},
        )

    def separable_conv2d(
        self,
        filters,
        kernel_size,
        *,
        name,
        use_bias=None,
        depthwise=True,
        pointwise=False,
        **arguments,
    ):
        """A depthwise and then a 1x1 convolution, with nothing in between.

        Args:
          filters: output depth.
          kernel_size: of the depthwise convolution.
          name: of the layer.
          use_bias: None means as for every convolution.
          depthwise: these settings' initialiser and regulariser apply to the
            depthwise kernel; Keras' defaults otherwise.
          pointwise: the same of the 1x1 kernel; in the old API they did not.
          **arguments: further ones of `keras.layers.SeparableConv2D`.
        """
        return keras.layers.SeparableConv2D(
            filters,
            kernel_size,
            name=name,
            use_bias=self.use_bias if use_bias is None else use_bias,
            **(self._kernel("depthwise") if depthwise else {}),
            **(self._kernel("pointwise") if pointwise else {}),
            **{"padding": "same", **arguments},
        )

    def norm_layer(self, depth, *, name):
        """The normaliser of a map with `depth` channels, or None."""
        if self.normalizer == "batch_norm":
            return FusedBatchNormalization(name=name, **self.batch_norm)
        if self.normalizer == "group_norm":
            return keras.layers.GroupNormalization(
                groups=math.gcd(GROUPS, depth), name=name
            )
        return None

    def activation_layer(self, *, name):
        """The activation, or None."""
        function = ACTIVATIONS[self.activation]
        return (
            None if function is None else keras.layers.Activation(function, name=name)
        )

    def conv_block(
        self,
        filters,
        kernel_size,
        *,
        name,
        strides=1,
        dilation=1,
        use_depthwise=False,
        use_explicit_padding=False,
    ):
        """A convolution with its normaliser and activation, as a `Chain`.

        Explicit padding adds (kernel size - 1) / 2 zeros on every side, where "same"
        adds none on the first side of an even map under stride 2; sizes are equal. It
        goes with no dilation.
        """
        pad = use_explicit_padding and kernel_size > 1
        make = self.separable_conv2d if use_depthwise else self.conv2d
        conv = make(
            filters,
            kernel_size,
            name="conv",
            strides=strides,
            dilation_rate=dilation,
            padding="valid" if pad else "same",
        )
        half = (kernel_size - 1) // 2
        steps = [
            keras.layers.ZeroPadding2D(half, name="pad") if pad else None,
            conv,
            self.norm_layer(filters, name="norm"),
            self.activation_layer(name="activation"),
        ]
        return Chain(steps, name=name)

    def _kernel(self, prefix):
        return {
            f"{prefix}_initializer": self.new_initializer() or "glorot_uniform",
            f"{prefix}_regularizer": self.regularizer,
        }


def _batch_norm(message):
    """Keras arguments of a BatchNorm message, and the names that were set in it."""
    names = {
        "decay": "momentum",
        "center": "center",
        "scale": "scale",
        "epsilon": "epsilon",
        "train": "trainable",
    }
    ranges.probability("batch_norm.decay", message.decay)
    ranges.above("batch_norm.epsilon", message.epsilon)
    arguments = {keras_name: getattr(message, n) for n, keras_name in names.items()}
    return arguments, {k for n, k in names.items() if message.HasField(n)}
