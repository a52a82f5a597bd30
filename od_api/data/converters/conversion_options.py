"""What all conversions are told alike, whatever format they read."""

import dataclasses
import os

from od_api.data.converters.class_ids import ClassIds
from od_api.pictures.decoding import MAX_PIXELS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The options of every converter.

    Attributes:
      label_map_in, label_map_out, extend_label_map: `given`, `out` and `extend` of
        `ClassIds`.
      num_shards: number of record files, at most one an image.
      seed: shuffles the images; None keeps their order.
      skip_bad_images: counts images that are missing, broken or of another size than
        annotated, and leaves them out; otherwise they are errors.
      max_pixels: larger images are bad ones.
      progress: shows a bar on standard error.
    """

    label_map_in: str | os.PathLike | None = None
    label_map_out: str | os.PathLike | None = None
    extend_label_map: bool = False
    num_shards: int = 1
    seed: int | None = None
    skip_bad_images: bool = False
    max_pixels: int = MAX_PIXELS
    progress: bool = True

    def class_ids(self, source, declared, used):
        """The `ClassIds` of a data set; the arguments are those of its class."""
        return ClassIds(
            source,
            declared,
            used,
            given=self.label_map_in,
            out=self.label_map_out,
            extend=self.extend_label_map,
        )
