"""Stages side by side: channels, sizes, order, refusals."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

STRIDES = {"C3": 8, "C4": 16, "C5": 32}
CHANNELS = {"C3": 512, "C4": 1024, "C5": 2048}


def neck_of(*stages, strides=STRIDES):
    neck = build(neck_pb2.Neck(concatenated_stages={"stages": stages}))
    neck.follow(MapSpecs(strides, CHANNELS))
    return neck


def test_channels_over_a_resnet():
    """1024 + 2048, at the stride of the finer one (T08)."""
    neck = neck_of("C4", "C5")
    assert neck.levels == ("concatenated",)
    assert neck.channels == {"concatenated": 3072}
    assert neck.strides == {"concatenated": 16} and not neck.weights


def test_cells_of_coarser_maps_are_repeated():
    """A map of 5 x 3 cells, one of 3 x 2, one of 2 x 1."""
    maps = {"C3": tf.reshape(tf.range(15.0), [1, 5, 3, 1])}
    maps["C4"] = 100 + tf.reshape(tf.range(6.0), [1, 3, 2, 1])
    maps["C5"] = 200 + tf.reshape(tf.range(2.0), [1, 2, 1, 1])
    (made,) = neck_of("C3", "C4", "C5")(maps).values()
    assert made.shape == (1, 5, 3, 3)
    np.testing.assert_array_equal(made[..., :1], maps["C3"])
    column = [100, 100, 102, 102, 104]
    np.testing.assert_array_equal(made[0, :, 0, 1], column)
    np.testing.assert_array_equal(made[0, :, 2, 1], np.add(column, 1))
    np.testing.assert_array_equal(made[0, :, 2, 2], [200, 200, 200, 200, 201])


def test_equal_strides_are_joined_as_they_are():
    neck = neck_of("C4", "C5", strides={"C3": 8, "C4": 16, "C5": 16})
    maps = {"C4": tf.ones([2, 3, 4, 5]), "C5": tf.zeros([2, 3, 4, 2])}
    np.testing.assert_array_equal(
        neck(maps)["concatenated"], tf.concat(list(maps.values()), axis=-1)
    )


@pytest.mark.parametrize("stages", [[], ["C4"], ["C4", "C4"]])
def test_too_few_stages(stages):
    with pytest.raises(ConfigError, match="name two or more"):
        build(neck_pb2.Neck(concatenated_stages={"stages": stages}))


def test_stages_that_do_not_fit():
    with pytest.raises(ValueError, match="no C6, but C3, C4, C5"):
        neck_of("C4", "C6")
    with pytest.raises(ValueError, match="finest first"):
        neck_of("C5", "C4")
