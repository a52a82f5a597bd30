"""A detector to call: images in, what is in them out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.class_names import did_you_mean
from od_api.inference.found_objects import Detections
from od_api.inference.given_images import GivenImage, each_image, is_one
from od_api.pictures import rle
from od_api.pictures.decoding import MAX_PIXELS
from od_api.tiles.tiled_images import TiledImages


class LoadedDetector:
    """What `od_api.load` returns: call it with images.

    Attributes:
      path: of the SavedModel, or of the run; of a server its address.
      names: {label map's id: name} of the classes.
      label_map: LabelMap.

    Args:
      finder: Finder.
      label_map: LabelMap.
      tiling: Tiling for images larger than the model's input; None: each image is
        resized whole.
      merging: TileMerging, with a Tiling.
    """

    def __init__(
        self, finder: Any, label_map: Any, tiling: Any = None, merging: Any = None
    ) -> None:
        self.path = finder.path
        self.label_map = label_map
        self.names: dict[int, str] = dict(
            zip(label_map.ids, label_map.names, strict=True)
        )
        self._find = finder.find
        self._tiled = tiling and TiledImages(self._in_pixels, tiling, merging)

    def __call__(
        self,
        images: Any,
        *,
        threshold: float = 0.5,
        batch_size: int = 1,
        classes: Collection[str | int] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Detections | list[Detections]:
        """What is in an image, or the list of what is in each of several.

        Args:
          images: a path; an array uint8 [height, width, 3], red first; a PIL image; the
            bytes of a file; or several: a list of these, an array with a batch in
            front, a folder. Gray ones and those with transparency become RGB, and files
            and PIL images are turned upright as EXIF says.
          threshold: scores below it are left out, 0..1.
          batch_size: how many neighbours of one size the model gets together.
          classes: names or ids; what is of others is left out. None: all.
          max_pixels: a file or PIL image of more is refused before it is decoded.

        Raises:
          UserError: an image that cannot be read or is none, or arguments that do not
            fit.
        """
        found = list(
            self.stream(
                images,
                threshold=threshold,
                batch_size=batch_size,
                classes=classes,
                max_pixels=max_pixels,
            )
        )
        return found[0] if is_one(images) else found

    def stream(
        self,
        images: Any,
        *,
        threshold: float = 0.5,
        batch_size: int = 1,
        classes: Collection[str | int] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Iterator[Detections]:
        """As calling it, one after the other: for more images than memory holds.

        Of images from files the pixels are not kept: they are read again for `draw`.
        """
        check_threshold(threshold)
        if batch_size < 1 or max_pixels < 1:
            raise UserError(
                f"batch_size and max_pixels must be at least 1, not {batch_size} and "
                f"{max_pixels}"
            )
        wanted = self._ids_of(classes)
        return self._stream(images, threshold, batch_size, wanted, max_pixels)

    def __repr__(self) -> str:
        return f"<LoadedDetector {printable(self.path)}: {len(self.names)} classes>"

    def _stream(self, images, threshold, batch_size, wanted, max_pixels):
        waiting: list[GivenImage] = []
        for image in each_image(images, max_pixels):
            if waiting and waiting[0].pixels.shape != image.pixels.shape:
                yield from self._found(waiting, threshold, wanted)
                waiting = []
            waiting.append(image)
            if len(waiting) == batch_size:
                yield from self._found(waiting, threshold, wanted)
                waiting = []
        yield from self._found(waiting, threshold, wanted)

    def _found(self, images, threshold, wanted):
        """Detections of images of one size; of files without their pixels."""
        if not images:
            return
        rows = self.rows(np.stack([i.pixels for i in images]), images[0].name)
        for image, found in zip(images, rows, strict=True):
            pixels = image.pixels if image.path is None else None
            yield self.detections(
                found,
                image.pixels.shape[:2],
                threshold,
                wanted,
                pixels=pixels,
                path=image.path,
            )

    def rows(
        self, images: Any, name: str, progress: Any = None
    ) -> list[dict[str, Any]]:
        """All that the model finds, whatever its score.

        Args:
          images: uint8 [B, H, W, 3].
          name: of the first, for messages.
          progress: a running rich.progress.Progress that shows tiles; or None.

        Returns:
          B dicts: "boxes" [N, 4] in pixels, "scores", "classes" label-map ids, and of a
          model with masks "masks" [N, mh, mw], each for the inside of its box.

        Raises:
          UserError: the model fails; the message begins with the name.
        """
        try:
            if self._tiled is None:
                return self._in_pixels(images)
            return [self._tiled(image, progress) for image in images]
        except UserError as error:
            raise UserError(f"{name}: {error}") from error

    def detections(
        self,
        found: dict[str, Any],
        size: tuple[int, int],
        threshold: float,
        wanted: Collection[int] | None = None,
        **image: Any,
    ) -> Detections:
        """Detections: the rows of an image that are kept; masks become codes.

        Args:
          found: of `rows`.
          size: (height, width) of the image.
          threshold: as of a call.
          wanted: ids; None: all.
          **image: pixels and path, as of Detections.
        """
        keep = found["scores"] >= threshold
        classes = found["classes"].astype(int)
        if wanted is not None:
            keep &= np.isin(classes, wanted)
        boxes, classes, codes = found["boxes"][keep], classes[keep], None
        if "masks" in found:
            codes = rle.encode_pasted(found["masks"][keep], boxes, size)
        names = [self.label_map.name(int(c)) for c in classes]
        scores = found["scores"][keep]
        kept = {"size": size, "mask_codes": codes, **image}
        return Detections(boxes, scores, classes, names, **kept)

    def _in_pixels(self, images):
        return [in_pixels(found, images.shape[1:3]) for found in self._find(images)]

    def _ids_of(self, classes):
        """The sorted ids of names and ids; None of None."""
        if classes is None:
            return None
        if isinstance(classes, str | int):
            classes = [classes]
        return sorted({self._id_of(wanted) for wanted in classes})

    def _id_of(self, wanted):
        if isinstance(wanted, str):
            found = self.label_map.text_to_id.get(wanted)
            hint = did_you_mean(wanted, self.label_map.nearest(wanted))
        else:
            found, hint = (int(wanted) if wanted in self.names else None), ""
        if found is None:
            some = ", ".join(f"{i} {name}" for i, name in self.names.items())
            some = some if len(some) < 200 else some[:200] + "..."
            raise UserError(
                f"the model has no class {printable(repr(wanted))}{hint} (its classes: "
                f"{printable(some)})"
            )
        return found


def check_threshold(threshold):
    """Refuses a smallest score that is none."""
    if not 0 <= threshold <= 1:
        raise UserError(f"the smallest score must be within 0..1, not {threshold}")


def in_pixels(outputs, size):
    """Outputs of one image, boxes in its pixels, without rows that are no detections.

    What is not a number is none, and no file of COCO results can hold it.

    Args:
      outputs: of a Finder's `find`.
      size: (height, width) of the image.
    """
    found = {
        "boxes": outputs["detection_boxes"] * np.array([*size] * 2, np.float32),
        "scores": outputs["detection_scores"],
        "classes": outputs["detection_classes"],
    }
    if "detection_masks" in outputs:
        found["masks"] = outputs["detection_masks"]
    known = np.isfinite(found["boxes"]).all(axis=1) & np.isfinite(found["classes"])
    return {name: rows[known] for name, rows in found.items()}
