"""Which boxes an input reader ignores."""

import pytest

from od_api.data.ignored_boxes import count_ignored, ignored_flags
from od_api.protos import input_reader_pb2

FEATURES = {
    "image/object/is_crowd": [1, 0, 0, 0],
    "image/object/group_of": [1, 1, 0, 0],
    "image/object/difficult": [0, 0, 1, 0],
}


@pytest.mark.parametrize(
    ("settings", "flags", "count"),
    [
        ({}, ("is_crowd", "group_of"), 2),
        ({"crowd_boxes": "TRAIN"}, (), 0),
        ({"ignore_difficult": True}, ("is_crowd", "group_of", "difficult"), 3),
        ({"crowd_boxes": "TRAIN", "ignore_difficult": True}, ("difficult",), 1),
    ],
)
def test_settings(settings, flags, count):
    found = ignored_flags(input_reader_pb2.InputReader(**settings))
    assert found == flags
    assert count_ignored(FEATURES, found, 4) == count


def test_lists_of_another_length_say_nothing():
    assert count_ignored(FEATURES, ("is_crowd",), 3) == 0
    assert count_ignored({}, ("is_crowd",), 3) == 0
