"""Networks are told from what stands around them, and heads from the rest of them."""

from od_api.exporting.network_part import (
    CHOICE,
    CONSTANT,
    CONVOLUTION,
    INPUT,
    OTHER,
    PICK,
    PRODUCT,
    NetworkPart,
    Operator,
)


def operator(name, kind, *sources, real=True):
    return Operator(name, kind, sources, (real,) * len(sources))


def two_stages():
    """Trunk -> scores and boxes of regions -> the best -> a crop -> classes of it."""
    return [
        operator("image", INPUT),
        operator("kernel", CONSTANT),
        operator("scaled", OTHER, "image"),
        operator("trunk", CONVOLUTION, "scaled", "kernel"),
        operator("relu", OTHER, "trunk"),
        operator("shared", CONVOLUTION, "relu", "kernel"),
        operator("scores", CONVOLUTION, "shared", "kernel"),
        operator("boxes", CONVOLUTION, "shared", "kernel"),
        operator("decoded", OTHER, "boxes"),
        operator("best", CHOICE, "scores"),
        operator("picked", PICK, "decoded", "best"),
        operator("weights", OTHER, "picked"),
        operator("rows", OTHER, "picked", real=False),
        operator("crop", PICK, "relu", "rows"),
        operator("weighed", PRODUCT, "crop", "weights"),
        operator("dense", PRODUCT, "weighed", "kernel"),
        operator("classes", PRODUCT, "dense", "kernel"),
        operator("chances", OTHER, "classes"),
    ]


def test_heads_are_those_that_no_weights_come_after():
    """Boxes decide where the crop lies, which is no path. `weighed` has no weights."""
    found = NetworkPart(two_stages())
    assert found.heads == {"scores", "boxes", "classes"}
    assert found.weighted == {"trunk", "shared", "dense"} | found.heads
    assert found.names == found.weighted | {"relu"}
    assert found.others >= {"scaled", "decoded", "best", "crop", "weighed", "chances"}
    assert found.order[:2] == ["trunk", "shared"]


def test_a_network_without_a_choice_has_one_head():
    chain = two_stages()[:6]
    assert NetworkPart(chain).heads == {"shared"}
