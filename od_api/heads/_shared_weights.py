"""What every head that shares its weights between levels checks."""

from od_api.core import ranges


def anchors_of_all(anchors_per_location):
    """The number of anchors of a location, which must be the same on each level."""
    if len(set(anchors_per_location)) != 1:
        raise ValueError(
            "shared weights need the same number of anchors on every level, not "
            f"{list(anchors_per_location)}"
        )
    return anchors_per_location[0]


def check_tower(num_layers_before_predictor, **kernel_sizes):
    """Raises RangeError for a number of convolutions or a size that is none."""
    for name, size in kernel_sizes.items():
        ranges.at_least(name, size, 1, ranges.MOST_CELLS)
    ranges.at_least(
        "num_layers_before_predictor",
        num_layers_before_predictor,
        0,
        ranges.MOST_LAYERS,
    )
