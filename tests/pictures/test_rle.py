"""Run-length codes of masks."""

import json

import numpy as np
import pytest

from od_api.pictures import rle
from od_api.pictures.paste_masks import paste_masks


def test_a_code_by_hand():
    """Down the columns of [[0, 1], [1, 1]]: 0 1 1 1, a run of 1 and one of 3. A number
    below 16 is one character, chr(48 + number)."""
    assert rle.encode([[[0, 1], [1, 1]]]) == [{"size": [2, 2], "counts": "13"}]


def test_any_number_but_0_is_inside():
    assert rle.encode([[[0, 255], [7, 0.5]]]) == rle.encode([[[0, 1], [1, 1]]])


def test_round_trip_and_json():
    masks = np.random.default_rng(0).uniform(size=(4, 13, 7)) > 0.5
    masks[2], masks[3] = 0, 1
    codes = rle.encode(masks)
    np.testing.assert_array_equal(rle.decode(json.loads(json.dumps(codes))), masks)
    assert rle.decode(codes).dtype == np.uint8


def test_no_masks():
    assert rle.encode(np.zeros([0, 5, 6])) == []
    assert rle.encode_pasted(np.zeros([0, 3, 3]), np.zeros([0, 4]), (5, 6)) == []


def test_codes_of_bytes_and_sizes_of_numpy():
    code = rle.code_of(b"13", np.array([2, 2], np.int32))
    assert json.loads(json.dumps(code)) == {"size": [2, 2], "counts": "13"}


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_pasted_one_at_a_time_is_all_at_once(threshold):
    rng = np.random.default_rng(1)
    masks = rng.uniform(size=(5, 7, 9)).astype(np.float32)
    corner = rng.uniform(0, 20, (5, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(2, 20, (5, 2))], axis=1)
    codes = rle.encode_pasted(masks, boxes, (30, 33), threshold)
    want = paste_masks(masks, boxes, (30, 33), threshold)
    np.testing.assert_array_equal(rle.decode(codes), want)
