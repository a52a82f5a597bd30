"""What layers do to a map [h, w, C], in NumPy."""

import numpy as np


def convolved(x, layer, strides=1, dilation=1):
    """[h, w, C] -> [h', w', C']: a "same" convolution, by a Keras layer's weights."""
    kernel, bias = [*layer.get_weights(), 0.0][:2]
    sides, pads = [], []
    for size, taps in zip(x.shape[:2], kernel.shape[:2], strict=True):
        sides.append(-(-size // strides))
        reach = (sides[-1] - 1) * strides + (taps - 1) * dilation + 1
        pads.append((max(reach - size, 0) // 2, -(-max(reach - size, 0) // 2)))
    x = np.pad(x, [*pads, (0, 0)])
    made = np.zeros([*sides, kernel.shape[-1]]) + bias
    for i, row in enumerate(kernel):
        for j, tap in enumerate(row):
            part = x[i * dilation :: strides, j * dilation :: strides]
            made += part[: sides[0], : sides[1]] @ tap
    return made


def doubled(x, like, times=2):
    """[h, w, C] -> each cell several times, cut to the size of another."""
    large = np.repeat(np.repeat(x, times, axis=0), times, axis=1)
    return large[: like.shape[0], : like.shape[1]]


def halved(x):
    """[h, w, C] -> maxima of 2x2 cells, sizes rounded up."""
    pads = [(0, size % 2) for size in x.shape[:2]] + [(0, 0)]
    x = np.pad(x, pads, constant_values=-np.inf)
    return x.reshape(len(x) // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
