"""Masks of a record: number, kind, size."""

import io

import numpy as np
import pytest
from PIL import Image

from od_api.data.mask_checks import check_masks


def image(kind="png", size=(4, 6), dtype=np.uint8):
    file = io.BytesIO()
    Image.fromarray(np.ones(size, dtype)).save(file, kind)
    return file.getvalue()


def findings(masks, boxes, size=(4, 6), **settings):
    features = {"image/object/mask": masks}
    return [kind for _, kind, _ in check_masks(features, boxes, size, **settings)]


@pytest.mark.parametrize(
    ("masks", "boxes", "size"),
    [
        ([], 0, (4, 6)),
        ([], 2, (4, 6)),
        ([image()], 1, (4, 6)),
        ([image(), image()], 2, None),
        # One list of 2 x 4 x 6 numbers.
        ([0.0] * 48, 2, (4, 6)),
        ([0.0] * 5, 2, None),
    ],
)
def test_nothing_is_wrong(masks, boxes, size):
    assert findings(masks, boxes, size) == []


@pytest.mark.parametrize(
    ("masks", "boxes", "kinds"),
    [
        ([1, 0], 2, ["wrong_type"]),
        ([image()], 2, ["list_lengths"]),
        ([0.0] * 47, 2, ["mask_size"]),
        ([image(), image(size=(6, 4))], 2, ["mask_size"]),
        ([image("jpeg")], 1, ["mask_kind"]),
        ([image(dtype=np.uint16)], 1, ["mask_kind"]),
        ([image("jpeg", size=(5, 5))], 1, ["mask_kind", "mask_size"]),
        ([b"no image"], 1, ["undecodable"]),
    ],
)
def test_what_is_wrong(masks, boxes, kinds):
    assert findings(masks, boxes) == kinds


def test_masks_that_the_reader_needs():
    assert findings([], 2, needed=True) == ["list_lengths"]
    assert findings([], 0, needed=True) == []


def test_damage_behind_the_header_is_seen_by_decoding_alone():
    broken = image()[:-20]
    assert findings([broken], 1) == ["undecodable"]
    assert findings([broken], 1, decode=False) == []
