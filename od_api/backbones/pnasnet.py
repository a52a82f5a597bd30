"""PNASNet-5 (Liu et al., ECCV 2018)."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.channel_layers import ChannelPart
from od_api.layers.next_cells import NextCells
from od_api.protos import backbone_pb2

STEM = 96
# Stages of equal cells; the first of each but the first stage halves.
STAGES = 3
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@register(backbone_pb2.Pnasnet)
class Pnasnet(OwnNetwork):
    """Cells found by progressive search; each reads the two cells before it.

    The large network: 216 filters and four cells a stage behind two cells of a quarter
    and a half of them, which halve. Depths double from stage to stage, and a cell gives
    five times its filters. C2 is the first cell, C3 to C5 end stages. Maps are halved
    upwards (300 px: 75, 38, 19, 10). Where the network is cut, C4 is the maps of the
    last two cells side by side, as the old API had it. Batch norm has the decay .9997
    and the epsilon .001. Source: Liu et al., Progressive Neural Architecture Search,
    ECCV 2018, figure 1, with the details of the authors' code.

    Args:
      filters: of the first stage's cells; a multiple of 4.
      cells: of each stage, at least 2.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        filters=216,
        cells=4,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name="pnasnet")
        ranges.between("filters", filters, 4, 4096)
        if filters % 4:
            raise ValueError(f"filters is {filters}, and must be a multiple of 4")
        ranges.between("cells", cells, 2, ranges.MOST_LAYERS)
        make = blocks_of(1.0, 1, epsilon=0.001, decay=0.9997)
        images = keras.Input([None, None, 3])
        x = _network(images, filters, cells, make)
        ends = {"C2": "stem_1_end", "C5": "end"}
        ends |= {f"C{3 + i}": f"cell_{(i + 1) * cells - 1}_end" for i in range(2)}
        if second_stage:
            ends["C4"] = "C4_both"
        self._take(
            keras.Model(images, x, name=self.name),
            {level: (ends[level], stride) for level, stride in STRIDES.items()},
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
        )


def _network(images, filters, cells, make):
    x = make.conv(images, STEM, 3, "stem", strides=2, activation=False)
    maps = ((x, 2), (x, 2))
    for number, share in ((1, 4), (2, 2)):
        x = _cell(maps, filters // share, f"stem_{number}", make, halves=True)
        maps = (maps[1], (x, 2 * maps[1][1]))
    for stage in range(STAGES):
        for i in range(cells):
            name, halves = f"cell_{stage * cells + i}", stage > 0 and i == 0
            x = _cell(maps, filters * 2**stage, name, make, halves=halves)
            maps = (maps[1], (x, maps[1][1] * (2 if halves else 1)))
        if stage == 1:
            maps = _side_by_side(maps)
    return make.activate(x, "end")


def _side_by_side(maps):
    """The same two maps, which one lies between that has both: the cut is there."""
    (before, stride), (last, _) = maps
    depth = before.shape[-1]
    both = keras.layers.Concatenate(name="C4_both")([before, last])
    return (
        (ChannelPart(0, depth, name="C4_before_last")(both), stride),
        (ChannelPart(depth, None, name="C4_last")(both), stride),
    )


def _cell(maps, filters, name, make, halves):
    """Five sums of two operations each.

    Args:
      maps: (map, stride) of the cell before the last, and of the last.
    """
    stride = 2 if halves else 1

    def separable(x, kernel, place, strides=stride):
        return _separable(x, (kernel, filters, strides), f"{name}_{place}", make)

    def pool(x, place):
        layer = keras.layers.MaxPooling2D(3, stride, padding="same", name=place)
        return layer(x)

    before, last = _fitted(maps, filters, name, make)
    reduced = last
    if halves:
        reduced = _conv(last, filters, f"{name}_4_right", make, strides=2)
    third = [separable(last, 5, "2_left"), separable(last, 3, "2_right")]
    pooled = pool(before, f"{name}_0_right")
    if before.shape[-1] != filters:
        pooled = make.conv(pooled, filters, 1, f"{name}_0_fit", activation=False)
    third = keras.layers.Add(name=f"{name}_2")(third)
    pairs = {
        "0": [separable(before, 5, "0_left"), pooled],
        "1": [separable(last, 7, "1_left"), pool(last, f"{name}_1_right")],
        "3": [separable(third, 3, "3_left", 1), pool(last, f"{name}_3_right")],
        "4": [separable(before, 3, "4_left"), reduced],
    }
    sums = {k: keras.layers.Add(name=f"{name}_{k}")(v) for k, v in pairs.items()}
    sums = [sums["0"], sums["1"], third, sums["3"], sums["4"]]
    return keras.layers.Concatenate(name=f"{name}_end")(sums)


def _fitted(maps, filters, name, make):
    """Both maps with a cell's filters; the earlier one at the later one's size.

    The very first cell reads one map twice, and takes it as it is for the earlier.
    """
    (before, stride), (last, other) = maps
    fitted = _conv(last, filters, f"{name}_last", make)
    if name == "stem_1":
        return before, fitted
    if stride == other:
        return _conv(before, filters, f"{name}_before", make), fitted
    x = make.activate(before, f"{name}_before_relu")
    halves = []
    for i, half in enumerate((x, NextCells(name=f"{name}_next")(x))):
        part = f"{name}_before_{i}"
        pool = keras.layers.AveragePooling2D(1, 2, padding="same", name=f"{part}_pool")
        conv = keras.layers.Conv2D(
            filters // 2, 1, use_bias=False, kernel_initializer="he_normal", name=part
        )
        halves.append(conv(pool(half)))
    x = keras.layers.Concatenate(name=f"{name}_before_halves")(halves)
    return make.norm(x, f"{name}_before", activation=False), fitted


def _separable(x, numbers, name, make):
    """ReLU and a separable convolution with batch norm, twice."""
    kernel, filters, strides = numbers
    for i in range(2):
        # He's for the one channel that each output sees; Keras' own counts all.
        start = keras.initializers.VarianceScaling(2.0 * x.shape[-1], mode="fan_in")
        x = make.activate(x, f"{name}_{i}_relu")
        x = keras.layers.SeparableConv2D(
            filters,
            kernel,
            strides=1 if i else strides,
            padding="same",
            use_bias=False,
            depthwise_initializer=start,
            pointwise_initializer="he_normal",
            name=f"{name}_{i}",
        )(x)
        x = make.norm(x, f"{name}_{i}", activation=False)
    return x


def _conv(x, filters, name, make, strides=1):
    """ReLU, a 1x1 convolution and batch norm."""
    x = make.activate(x, f"{name}_relu")
    return make.conv(x, filters, 1, name, strides=strides, activation=False)
