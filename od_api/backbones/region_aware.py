"""Stages of a ResNet whose 3x3 convolutions read regions with kernels of their own."""

from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.layers.region_aware_conv import RegionAwareConv2D
from od_api.protos import backbone_pb2

_STAGES = ("C2", "C3", "C4", "C5")


@register(backbone_pb2.RegionAware)
class RegionAware:
    """Dynamic region-aware convolutions in the place of 3x3 ones of some stages.

    Each such convolution says of every cell which of m regions it is of, and makes m
    kernels of the image. It has m^2 times the weights of the plain one, which no file
    has: it starts from random ones. Source: Chen et al., Dynamic Region-Aware
    Convolution, CVPR 2021.

    Args:
      stages: of C2 to C5; empty: C5.
      regions: m.
    """

    def __init__(self, *, stages=(), regions=8):
        for i, stage in enumerate(stages):
            if stage not in _STAGES or stage in stages[:i]:
                problem = f"{stage!r} is none of {', '.join(_STAGES)}, or there twice"
                raise ConfigError(problem, f"stages[{i}]")
        self.stages = tuple(stages) or ("C5",)
        self.regions = ranges.between("regions", regions, 1, 64)

    def layer(self, layer, config):
        """What takes the place of a layer of a ResNet, or None.

        Args:
          layer: of keras.applications, by whose name it is known.
          config: its config, edited by what else there is.

        Raises:
          ConfigError: the stage is dilated.
        """
        prefixes = tuple(f"conv{stage[1]}_" for stage in self.stages)
        if not layer.name.startswith(prefixes):
            return None
        if tuple(config.get("kernel_size", ())) != (3, 3):
            return None
        if tuple(config["dilation_rate"]) != (1, 1):
            raise ConfigError(
                f"{layer.name} is dilated (output_stride, second_stage_dilation), and "
                "regions are read without dilation: name other stages",
                "region_aware.stages",
            )
        kept = ("filters", "kernel_initializer", "kernel_regularizer", "name")
        return RegionAwareConv2D(
            kernel_size=3, regions=self.regions, **{name: config[name] for name in kept}
        )

    def check(self, deformable_stages, trident, low_rank):
        """Refuses other convolutions in the same places (ConfigError).

        Args:
          deformable_stages: those whose 3x3 convolutions are deformable.
          trident: a Trident, or None.
          low_rank: whether kernels are of low rank.
        """
        others = {"are deformable": deformable_stages}
        if trident is not None:
            others["have branches"] = (trident.stage,)
        if low_rank:
            others["are of low rank"] = self.stages
        for what, stages in others.items():
            both = [stage for stage in self.stages if stage in stages]
            if both:
                raise ConfigError(
                    f"the convolutions of {both[0]} {what}: name other stages",
                    "region_aware.stages",
                )


def read_by_region(network):
    """Names of the convolutions of a network that no file has weights for."""
    return [x.name for x in network.layers if isinstance(x, RegionAwareConv2D)]
