"""PNASNet-5: count, maps, the cut that leaves two maps, gradients, detectors."""

import backbone_kit as kit
import pytest

from od_api.core.errors import ConfigError

TOY = "pnasnet { filters: 8 cells: 2 FIELDS }"
# Of the ten operations of a cell: kernels of the separable convolutions on the map of
# the cell before the last, on that of the last cell, and on a sum.
KERNELS = {"before": (5, 3), "last": (7, 5, 3), "sum": (3,)}


def conv(size, before, after):
    """Trained numbers of a convolution with batch norm."""
    return size * before * after + 2 * after


def separable(kernel, before, after):
    """Of two of them, each depthwise and 1x1."""
    return sum(kernel**2 * d + conv(1, d, after) for d in (before, after))


def cell(before, last, filters, halves):
    """Of a cell whose inputs have so many channels; both are brought to its filters."""
    total = conv(1, before, filters) + conv(1, last, filters)
    total += sum(separable(k, filters, filters) for ks in KERNELS.values() for k in ks)
    return total + halves * conv(1, filters, filters)


def counted(filters=216, cells=4):
    """Of the whole network; its first cell reads 96 channels as they are."""
    quarter, half = filters // 4, filters // 2
    total = conv(9, 3, 96) + conv(1, 96, quarter)
    total += sum(separable(k, 96, quarter) for k in KERNELS["before"])
    total += sum(separable(k, quarter, quarter) for k in (7, 5, 3, 3))
    # A 1x1 convolution behind its pool, and one beside the last sum.
    total += conv(1, 96, quarter) + conv(1, quarter, quarter)
    total += cell(96, 5 * quarter, half, True)
    before, last = 5 * quarter, 5 * half
    for stage in range(3):
        for i in range(cells):
            total += cell(before, last, filters * 2**stage, stage > 0 and i == 0)
            before, last = last, 5 * filters * 2**stage
    return total


def test_published_count_by_hand():
    """With the classifier of 4320 * 1000 + 1000."""
    assert counted() + 4_321_000 == 86_057_668


@pytest.fixture(scope="module")
def toy():
    return kit.in_ssd(TOY.replace("FIELDS", ""))


def test_toy(toy):
    assert kit.trained(toy) == counted(8, 2)
    assert toy.channels == {"C2": 10, "C3": 40, "C4": 80, "C5": 160}
    assert toy.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(toy, 300) == [75, 38, 19, 10]
    kit.check_names(toy)
    kit.check_gradients(toy)


def test_where_it_is_cut_c4_is_two_maps():
    cut = kit.built(TOY.replace("FIELDS", "second_stage: true"))
    assert cut.channels == {"C2": 10, "C3": 40, "C4": 160}
    assert cut.second_stage.compute_output_shape((1, 7, 7, 160)) == (1, 4, 4, 160)


def test_second_stage():
    kit.check_faster_rcnn(TOY.replace("FIELDS", ""))


@pytest.mark.parametrize("text", ["filters: 54", "filters: 0", "cells: 1"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"pnasnet {{ {text} }}")
