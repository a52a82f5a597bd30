"""Record what torchvision's RoI operators compute, for the tests to compare with.

With torch, torchvision and numpy installed (recorded with torchvision 0.29.2):

    python tests/golden/make_torchvision_golden.py

It writes tests/golden/torchvision_roi_ops.npz. Boxes are stored in our order
`[ymin, xmin, ymax, xmax]`, maps and crops with the channels last.
"""

import golden_store
import numpy as np
import torch
from torchvision import ops

SCALE = 0.25
# name: (bins high, bins wide), samples per bin and axis
ALIGNED = {
    "align_7x7_2": ((7, 7), 2),
    "align_3x5_1": ((3, 5), 1),
    "align_1x1_1": ((1, 1), 1),
    "align_2x2_3": ((2, 2), 3),
}
MAX_POOLED = {"max_7x7": (7, 7), "max_3x5": (3, 5), "max_1x1": (1, 1)}


def main():
    features, boxes = inputs()
    cases = {"input": {"features": features, "boxes": boxes}}
    maps = torch.from_numpy(features.transpose(0, 3, 1, 2).copy())
    regions = [torch.from_numpy(one[:, [1, 0, 3, 2]].copy()) for one in boxes]
    for name, (size, samples) in ALIGNED.items():
        crops = ops.roi_align(maps, regions, size, SCALE, samples, aligned=True)
        cases[name] = {"size": size, "samples": samples, "crops": last(crops)}
    for name, size in MAX_POOLED.items():
        crops = ops.roi_pool(maps, regions, size, SCALE)
        cases[name] = {"size": size, "crops": last(crops)}
    golden_store.save("torchvision_roi_ops", cases)


def inputs():
    """[2, 19, 25, 3] maps and [2, 16, 4] boxes, in pixels of a 76 x 100 image."""
    rng = np.random.default_rng(21)
    features = rng.normal(0, 1, (2, 19, 25, 3)).astype(np.float32)
    low = rng.uniform(-20, 70, (2, 16, 2))
    boxes = np.concatenate([low, low + rng.uniform(0, 60, (2, 16, 2))], axis=-1)
    boxes[:, 0] = [0, 0, 76, 100]
    boxes[:, 1] = [200, 200, 240, 230]
    boxes[:, 2] = [33.3, 44.4, 33.3, 44.4]
    # Edges half-way between two cells.
    boxes[:, 3] = [2, 6, 34, 50]
    boxes[:, 4] = [-10, -6, 18, 22]
    return features, boxes.astype(np.float32)


def last(crops):
    """[2 * P, C, ch, cw] -> [2, P, ch, cw, C]."""
    crops = crops.numpy().transpose(0, 2, 3, 1)
    return crops.reshape(2, -1, *crops.shape[1:])


if __name__ == "__main__":
    main()
