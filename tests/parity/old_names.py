"""From a variable of ours to its name in the old API, for single-stage models."""

import re

_LEVELS = {f"P{level}": level for level in range(3, 8)}
_LEAF_OF_DEPTHWISE = {"kernel": "depthwise_kernel"}


def old_name(part, path, known):
    """The old API's name of a variable.

    Args:
      part: "backbone", "neck" or "head".
      path: the variable's path, such as `mobilenet_v1/conv1/kernel`.
      known: all names of the old model.

    Returns:
      The one of `known` that matches, or None: ours has convolution biases, for
      Keras' ImageNet weights, where the old ResNet had none.
    """
    _, *scope, leaf = path.split("/")
    if part == "backbone":
        return _backbone("/".join(scope), leaf, known)
    tail = {"neck": _neck, "head": _head}[part](scope, leaf)
    matches = [name for name in known if re.search(tail + ":0$", name)]
    if len(matches) != 1:
        raise ValueError(f"{path}: {tail} matches {matches}")
    return matches[0]


def _backbone(layer, leaf, known):
    """Both sides keep the names of keras.applications."""
    names = {f"{layer}/{leaf}:0", f"{layer}/{_LEAF_OF_DEPTHWISE.get(leaf, leaf)}:0"}
    found = names & set(known)
    return found.pop() if found else None


def _neck(scope, leaf):
    """A regular expression of the end of the old name."""
    block, *inner = scope
    kind = "batchnorm" if inner[-1:] == ["norm"] else "(depthwise_)?conv"
    if match := re.fullmatch(r"E(\d)", block):
        # E1/reduce, E1/halve, ... were 1_Conv2d_2_1x1_*, 2_Conv2d_2_3x3_s2_*, ...
        number = int(match[1]) + 1
        step = "1_Conv2d_{}_1x1" if inner[0] == "reduce" else "2_Conv2d_{}_3x3_s2"
        return rf"_{step.format(number)}_\d+_{kind}/{leaf}"
    role, level = block.split("_")
    if role == "lateral":
        return f"/projection_{_LEVELS[level] - 2}/{leaf}"
    if role == "smooth":
        return f"/smoothing_{_LEVELS[level] - 2}_{kind}/{leaf}"
    # coarse_P6 and coarse_P7 are the first and the last of the old bottom-up layers.
    number = {"P6": "(14|20|block5)", "P7": "(15|21|block6)"}[level]
    return f"/bottom_up_(Conv2d_)?{number}_{kind}/{leaf}"


def _head(scope, leaf):
    block = scope[0]
    if match := re.fullmatch(r"(class|box)_([CE]\d)(_expanded)?", block):
        order = ["C4", "C5", "E1", "E2", "E3", "E4"].index(match[2])
        head = {"class": "Class", "box": "Box"}[match[1]]
        return f"/Convolutional{head}Head_{order}/\\w+/{leaf}"
    if block in ("class", "box"):
        head = {"class": "ClassPredictor", "box": "BoxPredictor"}[block]
        return f"BoxHead/{head}/{leaf}" if block == "box" else f"Head/{head}/{leaf}"
    tower = {"class": "ClassPredictionTower", "box": "BoxPredictionTower"}
    which = tower.get(block.split("_")[0], "/PredictionTower")
    if match := re.search(r"tower_conv(\d)", block):
        return f"{which}/conv2d_{match[1]}/{leaf}"
    level = _LEVELS[block.rsplit("_", 1)[1]] - 3
    number = scope[1].removeprefix("norm")
    return f"{which}/conv2d_{number}/BatchNorm/feature_{level}/{leaf}"
