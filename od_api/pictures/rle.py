"""Masks as COCO's run-length codes, {"size": [h, w], "counts": text}: small, and JSON.

The run lengths go down the columns, beginning with zeros, and are packed into text.
"""

import numpy as np
from pycocotools import mask as coco_mask

from od_api.pictures.paste_masks import paste_masks


def encode(masks):
    """[n, h, w], 0 or not -> a list of n codes."""
    masks = np.asarray(masks) != 0
    # One image a column of COCO's array: [h, w, n], the first axis the fastest.
    columns = np.asfortranarray(masks.transpose(1, 2, 0), np.uint8)
    return [code_of(c["counts"], masks.shape[1:]) for c in coco_mask.encode(columns)]


def code_of(counts, shape):
    """The code of packed run lengths (text or bytes) and (height, width)."""
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    return {"size": [int(length) for length in shape], "counts": counts}


def encode_pasted(masks, boxes, image_shape, threshold=0.5):
    """The codes of masks that are pasted into an image, one at a time for memory.

    Args:
      masks: [n, mh, mw] probabilities, each for the inside of its box.
      boxes: [n, 4] in pixels of the image.
      image_shape: (H, W), two ints.
      threshold: pixels above it belong to the object.
    """
    codes = []
    for mask, box in zip(masks, boxes, strict=True):
        codes += encode(paste_masks(mask[None], box[None], image_shape, threshold))
    return codes


def decode(codes):
    """A list of n codes of one size -> [n, h, w] uint8; at least one."""
    codes = [{**code, "counts": code["counts"].encode()} for code in codes]
    return np.ascontiguousarray(coco_mask.decode(codes).transpose(2, 0, 1))
