"""Weights of whole two-stage models, by the old API's names of the variables.

Those of `golden_inputs.weight`, but for some that would let a deep network's outputs
grow until every box is far outside the image and every score is 0 or 1.
"""

import re

import golden_inputs

SCALES = {
    # Pixels reach the ResNets as they are, around 0.
    "conv1_conv/kernel": 1 / 64,
    # The last batch norm of a residual block.
    r"conv\d_block\d+_3_bn/gamma": 0.25,
    r"Predictor(_dense|_last_conv2d)?/kernel": 0.15,
    "(predictions|locations)_conv/kernel": 0.15,
}
# The predictors of all levels get the same weights, as if they were shared.
LEVEL = r"(Convolutional(Box|Class)Head)_\d"


def of_first_level(name):
    """The name of the variable that gets the same weights as this one."""
    return re.sub(LEVEL, r"\1_0", name)


def weight(name, shape):
    """A fixed value for the variable called `name` in the old API, float32."""
    value = golden_inputs.weight(of_first_level(name), shape)
    for pattern, scale in SCALES.items():
        if re.search(pattern, name):
            return value * scale
    return value
