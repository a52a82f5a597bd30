"""Networks of keras.applications, rebuilt with our padding and settings."""

import collections
import functools
import re

import keras

from od_api.layers.fused_batch_norm import FusedBatchNormalization
from od_api.layers.low_rank_conv import LowRankConv2D
from od_api.layers.sampled_conv import EachCell, needs_samples

_AUTOMATIC_NAME = re.compile(
    "(conv2d|batch_normalization|activation|max_pooling2d|average_pooling2d|"
    "concatenate|custom_scale_layer)(?:_([0-9]+))?"
)

_ACTIVATIONS = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.Activation)


def rebuild(
    network,
    *,
    name,
    edit=None,
    same_padding=False,
    explicit_padding=False,
    any_size=False,
):
    """A copy of a functional network, with new weights, whose layers may differ.

    Args:
      network: a functional model without shared layers.
      name: prefix of the path of every variable.
      edit: called with (layer, its config); changes the config in place, or returns
        another layer to take the place of this one.
      same_padding: removes the layers that pad with zeros, and lets the convolutions
        that relied on them pad by themselves ("same"). Maps of odd size then lose
        nothing at their border (75 -> 38 -> 19), and maps of even size are unchanged.
      explicit_padding: as `same_padding`, but convolutions of stride 2 get their zeros
        on every side, as the old API's `use_explicit_padding` had it; sizes are the
        same.
      any_size: the copy takes images of any size, where the network has one.

    Returns:
      A `keras.Model`; its layers keep their names, so weights still fit.
    """
    same_padding = same_padding or explicit_padding
    # {name of a layer of explicit padding: zeros on each side}
    halves = {} if explicit_padding else None
    with keras.name_scope(name):
        return keras.models.clone_model(
            network,
            input_tensors=keras.Input((None, None, 3)) if any_size else None,
            clone_function=functools.partial(_new_layer, edit, same_padding, halves),
            call_function=functools.partial(_connect, same_padding, halves),
        )


def _new_layer(edit, same_padding, halves, layer):
    """The copy of a layer of `rebuild`, or what `edit` has in its place.

    `halves` gets the zeros of the layers that are padded explicitly; None: no layer is.
    """
    config = layer.get_config()
    if same_padding and config.get("padding") == "valid":
        config["padding"] = "same"
    other = edit(layer, config) if edit is not None else None
    if halves is not None and tuple(config.get("strides", ())) == (2, 2):
        config["padding"] = "valid"
        halves[layer.name] = (config["kernel_size"][0] - 1) // 2
    if isinstance(layer, keras.layers.BatchNormalization):
        return FusedBatchNormalization.from_config(config)
    return other or layer.__class__.from_config(config)


def _connect(leave_out_padding, halves, layer, inputs, *args, **kwargs):
    """Calls a layer of `rebuild` on its inputs, behind the zeros that it needs."""
    if leave_out_padding and isinstance(layer, keras.layers.ZeroPadding2D):
        return inputs
    if halves is not None and layer.name in halves:
        pad = keras.layers.ZeroPadding2D(
            halves[layer.name], name=f"{layer.name}_explicit_pad"
        )
        inputs = pad(inputs)
    if type(layer) is keras.layers.Conv2D and needs_samples(layer, inputs.shape[-1]):
        # A layer in front, so that files by kinds of layers still fit.
        inputs = EachCell(layer.strides, name=f"{layer.name}_cells")(inputs)
        layer.strides = (1, 1)
    return layer(inputs, *args, **kwargs)


def stages(network, layer_names):
    """The part of a network that ends at the named layers, one output for each."""
    outputs = [network.get_layer(name).output for name in layer_names]
    return keras.Model(network.inputs, outputs, name=network.name)


def names_after(network, layer_name):
    """Names of the layers that follow the named one, which all paths lead through."""
    names = [layer.name for layer in network.layers]
    return names[names.index(layer_name) + 1 :]


def number_layers(network):
    """Gives the layers that Keras named the names that a fresh process gives them.

    Keras counts such names up in each process (conv2d_94 is the first convolution of a
    second network), and variables in checkpoints are found by them. To be called
    before `rebuild`. The numbers are in the order in which the layers were made.
    """
    named = [(_AUTOMATIC_NAME.fullmatch(x.name), x) for x in network.layers]
    counts = collections.Counter()
    numbers = [(int(match[2] or 0), match[1], x) for match, x in named if match]
    for _, stem, layer in sorted(numbers, key=lambda entry: entry[:2]):
        layer.name = f"{stem}_{counts[stem]}" if counts[stem] else stem
        counts[stem] += 1


def split(network, layer_name, first_outputs=()):
    """Cuts a functional network in two after a layer.

    Args:
      network: a functional model that the named layer divides: every path from its
        input to its outputs leads through it.
      layer_name: the last layer of the first part.
      first_outputs: names of layers whose outputs the first part returns, the named
        one among them; none means only that one's.

    Returns:
      (first, rest): two `keras.Model`s with the network's own layers. `rest` takes the
      named layer's output, of any height and width, and returns the network's last.
    """
    cut = network.get_layer(layer_name).output
    rest = keras.Model(cut, network.outputs[-1], name=f"{network.name}_second_stage")
    return stages(network, list(first_outputs) or [layer_name]), rest


def apply_settings(layer, config, hyperparams, freeze_batch_norm):
    """Edits one layer as a backbone's `conv_hyperparams` say; for `rebuild`.

    Only what was set changes: the kernels' regulariser and initialiser, the
    activation, each argument of batch norm, and the rank of the convolutions. The rest
    stays as the network has it.

    Args:
      layer: a layer of the network that is rebuilt.
      config: its config, changed in place.
      hyperparams: a `ConvHyperparams`, or None for no change.
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.

    Returns:
      A layer to take the place of `layer`, an activation or a convolution of low
      rank, or None.

    Raises:
      ValueError: a normaliser that the network's weights could not be used with.
    """
    batch_norm = isinstance(layer, keras.layers.BatchNormalization)
    if hyperparams is not None:
        check_normalizer(hyperparams)
        if isinstance(layer, _ACTIVATIONS):
            return _activation(layer, hyperparams)
        if batch_norm:
            names = hyperparams.explicit - {"activation"}
            config.update({name: hyperparams.batch_norm[name] for name in names})
        else:
            _apply_to_kernel(config, hyperparams)
            return _low_rank(layer, config, hyperparams)
    if freeze_batch_norm and batch_norm:
        config["trainable"] = False
    return None


def check_normalizer(hyperparams):
    """Refuses settings that no backbone can follow (ValueError)."""
    if hyperparams.normalizer == "group_norm":
        raise ValueError(
            "conv_hyperparams.group_norm cannot be used in a backbone, which has "
            "batch norm; set it in the neck or the box predictor"
        )


def _activation(layer, hyperparams):
    if "activation" not in hyperparams.explicit:
        return None
    return hyperparams.activation_layer(name=layer.name) or keras.layers.Identity(
        name=layer.name
    )


def _low_rank(layer, config, hyperparams):
    """The LowRankConv2D in the place of an ordinary convolution, or None."""
    if not hyperparams.low_rank or type(layer) is not keras.layers.Conv2D:
        return None
    if tuple(config["kernel_size"]) == (1, 1) or config["groups"] > 1:
        return None
    kept = ("filters", "kernel_size", "strides", "dilation_rate", "padding", "name")
    kept += ("activation", "use_bias", "kernel_initializer", "kernel_regularizer")
    return LowRankConv2D(
        share=hyperparams.low_rank, **{name: config[name] for name in kept}
    )


def _apply_to_kernel(config, hyperparams):
    for kernel in ("kernel", "depthwise", "pointwise"):
        if f"{kernel}_regularizer" not in config:
            continue
        if hyperparams.regularizer is not None:
            config[f"{kernel}_regularizer"] = hyperparams.regularizer
        if hyperparams.initializer is not None:
            config[f"{kernel}_initializer"] = hyperparams.new_initializer()
