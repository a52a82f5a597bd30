"""Matrix nets: layers for every pair of a height and a width of cells."""

from od_api.core import ranges
from od_api.core.matrix_layers import MOST_LEVELS, matrix_layers
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.necks._neck_above import NeckAbove
from od_api.necks._pyramid import bare
from od_api.protos import neck_pb2


@register(neck_pb2.MatrixNet)
class MatrixNet(NeckAbove):
    """Adds layers whose cells are wide or high beside the levels of a pyramid.

    The pyramid's levels are the diagonal of a matrix. A 3x3 convolution of stride
    (1, 2) makes each layer on the right of the diagonal of its left neighbour, and one
    of stride (2, 1) each layer below it of the upper one; there is one of each, and
    they have a bias and nothing else. The layer of row i and column j has the height of
    level i and the width of level j, and its name is that of both, "P3_P5"; those of
    the diagonal keep theirs. Layers come row by row. Source: Rashwan et al., Matrix
    Nets, ICCV Workshops 2019, section 3.

    Args:
      neck: the pyramid, of two levels or more of one depth, each half of the one
        before.
      steps: how far from the diagonal there are layers: 2 of 5 levels are 19 layers.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(self, *, neck=None, steps=2, conv_hyperparams=None):
        ranges.between("steps", steps, 1, MOST_LEVELS - 1)
        super().__init__("matrix_net", neck)
        self._steps = steps
        self._make = bare(conv_hyperparams)

    def made_of(self, maps):
        """MapSpecs of the pyramid -> MapSpecs of all layers.

        Raises:
          ValueError: levels that do not double, of several depths, or too few.
        """
        sides = list(maps.strides.values())
        layers = self._named_layers()
        if sides != [sides[0] * 2**i for i in range(len(sides))]:
            raise ValueError(
                f"levels of strides {sides}: a matrix needs a pyramid whose levels "
                "have twice the stride of the one before"
            )
        if len(set(maps.channels.values())) > 1:
            raise ValueError(
                f"all layers have one depth, and the levels' differ: {maps.channels}"
            )
        depth = next(iter(maps.channels.values()))
        return MapSpecs(
            strides={
                name: sides[i] if i == j else (sides[i], sides[j])
                for (i, j), name in layers.items()
            },
            channels=dict.fromkeys(layers.values(), depth),
        )

    def _named_layers(self):
        """{(i, j): name}, row by row."""
        levels = self.neck.levels
        return {
            (i, j): levels[i] if i == j else f"{levels[i]}_{levels[j]}"
            for i, j in matrix_layers(len(levels), self._steps)
        }

    def build_above(self, maps):
        """Creates the two convolutions."""
        depth = next(iter(maps.channels.values()))
        self._right = self._halving(depth, "right", (1, 2))
        self._down = self._halving(depth, "down", (2, 1))

    def _halving(self, depth, name, strides):
        conv = self._make.conv2d(depth, 3, name=name, use_bias=True, strides=strides)
        conv.build((None, None, None, depth))
        return conv

    def changed(self, maps):
        """{level: map} of the pyramid -> {layer: map} of the matrix, row by row."""
        made = {(i, i): x for i, x in enumerate(maps.values())}
        for step in range(1, self._steps + 1):
            for i in range(len(maps) - step):
                made[i, i + step] = self._right(made[i, i + step - 1])
                made[i + step, i] = self._down(made[i + step - 1, i])
        return {name: made[place] for place, name in self._named_layers().items()}

    def call(self, features, training=False, auxiliary=False):
        """{stage: [B, h, w, C]} -> {layer: [B, h, w, C]}, row by row.

        With `auxiliary` the pyramid's auxiliary maps follow.
        """
        more = {"auxiliary": True} if auxiliary else {}
        made = self.neck(features, training=training, **more)
        levels = {level: made.pop(level) for level in self.neck.levels}
        return self.changed(levels) | made
