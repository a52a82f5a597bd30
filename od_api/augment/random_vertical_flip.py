"""Top and bottom exchanged."""

from od_api.augment._flip import RandomFlip
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomVerticalFlip)
class RandomVerticalFlip(RandomFlip):
    """Mirrors top to bottom with a probability; see `RandomFlip`."""

    axis = 0
