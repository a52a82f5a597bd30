"""From a variable of ours to its name in the old API, for two-stage models."""

import re

import old_names

# Of a head's layer, without the head's name: the end of the old name.
HEAD = {
    "box/dense": "BoxEncodingPredictor_dense",
    "box/conv": "refined_locations_conv",
    "class/dense": "ClassPredictor_dense",
    "class/conv": "class_predictions_conv",
    "reduce_depth/conv": "reduce_depth_conv",
    r"mask/convs/conv(\d)/conv": r"MaskPredictor_conv2d_\1",
    "mask/convs/upsample_conv/conv": "MaskPredictor_upsample_conv2d",
    "mask/convs/last": "MaskPredictor_last_conv2d",
}
PROPOSALS = {
    "shared/conv": "RPNConv",
    "box": "ConvolutionalBoxHead_0/BoxEncodingPredictor",
    "class": "ConvolutionalClassHead_0/ClassPredictor",
}
# A pyramid's second stage has layers without names of their own.
REGIONS = {"first": "dense", "norm": "freezable_batch_norm", "second": "dense_1"}
NECK = {
    r"lateral_P(\d)": lambda level: f"projection_{level - 1}",
    r"smooth_P(\d)": lambda level: f"smoothing_{level - 1}_\\w+",
    r"coarse_P(\d)": lambda level: f"bottom_up_block{level - 1}_\\w+",
}


def old_name(part, path, known):
    """The old API's name of a variable, one of `known`.

    Args:
      part: "backbone", "neck", "rpn", "head" or "regions".
      path: the variable's path, such as `resnet50/conv1_conv/kernel`.
      known: all names of the old model.

    Returns:
      A name, or None: ours has convolution biases, for Keras' ImageNet weights, where
      the old ResNet had none.
    """
    if part == "backbone":
        path = path.replace("batch_normalization", "freezable_batch_norm")
        return old_names.old_name(part, path, known)
    _, *scope, leaf = path.split("/")
    scope = "/".join(scope)
    end = _neck(scope) if part == "neck" else _other(part, scope)
    matches = [n for n in known if re.search(f"(^|/){end}/{leaf}:0$", n)]
    if len(matches) != 1:
        raise ValueError(f"{path}: {end} matches {matches}")
    return matches[0]


def _neck(scope):
    block, *inner = scope.split("/")
    for pattern, name in NECK.items():
        if match := re.fullmatch(pattern, block):
            kind = "batchnorm" if inner[-1:] == ["norm"] else "conv"
            return name(int(match[1])).replace(r"\w+", kind)
    raise ValueError(f"unknown: {scope}")


def _other(part, scope):
    names = {"rpn": PROPOSALS, "head": HEAD, "regions": REGIONS}[part]
    ours = next(one for one in names if re.fullmatch(one, scope))
    return re.sub(ours, names[ours], scope)
