"""What the `type` of a feature extractor stands for, whichever detector it is in."""

from od_api.old_api import feature_extractor_aliases, two_stage_extractors

_OF_MESSAGE = {
    "SsdFeatureExtractor": feature_extractor_aliases.typed_parts,
    "FasterRcnnFeatureExtractor": two_stage_extractors.typed_parts,
}


def stands_for(message):
    """The messages of the parts that an extractor's `type` stands for.

    Args:
      message: any message.

    Returns:
      [Backbone, Neck] without those that there are none of; [] for messages that are no
      extractors or have no `type`.

    Raises:
      ConfigError: an unknown type, or settings that exclude each other.
    """
    typed_parts = _OF_MESSAGE.get(message.DESCRIPTOR.name)
    if typed_parts is None or not message.HasField("type"):
        return []
    return [part for part in typed_parts(message) if part is not None]
