"""Left and right exchanged."""

from od_api.augment._flip import RandomFlip
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomHorizontalFlip)
class RandomHorizontalFlip(RandomFlip):
    """Mirrors left to right with a probability; see `RandomFlip`."""

    axis = 1
