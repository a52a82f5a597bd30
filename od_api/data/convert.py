"""What converters share: labelled images in, sharded TFRecords and a summary out."""

import collections
import dataclasses
import difflib
import math
import random
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from od_api.core.errors import UserError
from od_api.data.image_files import read_image
from od_api.data.make_example import make_example
from od_api.data.sharded_writer import ShardedWriter

# More examples of one kind of skipped thing would drown the summary.
EXAMPLES = 5
# Pixels; less than this at the border is rounding.
_CLIP_TOLERANCE = 0.5


@dataclasses.dataclass
class Box:
    """One annotated object.

    Attributes:
      xmin, ymin, xmax, ymax: edges in pixels from the image's top left corner; a box of
        the whole image is 0, 0, width, height.
      class_id: 1-based.
      class_text: its name in the label map.
      is_crowd: one box around many objects (COCO).
      difficult: not counted in evaluation (Pascal VOC).
      area: of the object in square pixels; None for the box's own.
      mask_png: makes the mask as PNG; called for boxes that are written.
      where: names the annotation in messages.
    """

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    class_id: int
    class_text: str
    is_crowd: bool = False
    difficult: bool = False
    area: float | None = None
    mask_png: Callable[[], bytes] | None = None
    where: str = ""


@dataclasses.dataclass
class LabelledImage:
    """One image file with its boxes.

    Attributes:
      path: of the image file.
      source_id: unique name in the data set.
      make_boxes: (width, height) -> list of `Box`; called with the file's real size.
      width, height: as annotated; None where the annotation does not say.
      where: names the annotation in messages.
    """

    path: Path
    source_id: str
    make_boxes: Callable[[int, int], list[Box]]
    width: int | None = None
    height: int | None = None
    where: str = ""


def write_records(
    images,
    output_prefix,
    *,
    num_shards=1,
    seed=None,
    skip_bad_images=False,
    progress=True,
):
    """Writes labelled images to `<output_prefix>-00000-of-0000N`.

    Boxes are cut at the image's border. Boxes without extent are counted and never
    written; an image that loses all its boxes stays, as one without objects.

    Args:
      images: list of `LabelledImage`.
      output_prefix: path and first part of the files' names.
      num_shards: number of files.
      seed: shuffles the images; None keeps their order.
      skip_bad_images: counts images that are missing, broken or of another size than
        annotated, and leaves them out; otherwise they are errors.
      progress: shows a bar on standard error.

    Returns:
      The summary, a dict: images, images_without_boxes, boxes, clipped_boxes, per_class
      {name: boxes}, skipped {reason: count}, examples {reason: [where, ...]}.

    Raises:
      UserError: no images, or a bad one.
    """
    if not images:
        raise UserError(f"there is not one image to write to {output_prefix}")
    images = list(images)
    if seed is not None:
        random.Random(seed).shuffle(images)
    summary = Summary()
    console = Console(stderr=True)
    with ShardedWriter(output_prefix, num_shards) as writer:
        for image in track(
            images, f"{output_prefix}", console=console, disable=not progress
        ):
            try:
                encoded, name, size = read_image(image)
            except UserError as error:
                if not skip_bad_images:
                    raise
                summary.skip("bad image", str(error))
                continue
            boxes = summary.usable(image.make_boxes(*size), *size)
            writer.write(_example(image, encoded, name, size, boxes))
            summary.count(boxes)
    return summary.as_dict()


def _example(image, encoded, kind, size, boxes):
    width, height = size
    edges = [
        (b.ymin / height, b.xmin / width, b.ymax / height, b.xmax / width)
        for b in boxes
    ]
    with_masks = boxes and all(b.mask_png for b in boxes)
    return make_example(
        encoded,
        kind,
        image.path.name,
        image.source_id,
        height,
        width,
        edges,
        [b.class_text for b in boxes],
        [b.class_id for b in boxes],
        is_crowd=[b.is_crowd for b in boxes],
        difficult=[b.difficult for b in boxes],
        area=[_area(b) for b in boxes],
        masks_png=[b.mask_png() for b in boxes] if with_masks else None,
    )


def _area(box):
    if box.area is not None:
        return box.area
    return (box.xmax - box.xmin) * (box.ymax - box.ymin)


class Summary:
    """Counts what was written and what was not."""

    def __init__(self):
        self._totals = collections.Counter()
        self._per_class = collections.Counter()
        self._skipped = collections.Counter()
        self._examples = collections.defaultdict(list)

    def skip(self, reason, where):
        """Counts a thing that was left out."""
        self._skipped[reason] += 1
        if len(self._examples[reason]) < EXAMPLES:
            self._examples[reason].append(where)

    def usable(self, boxes, width, height):
        """The boxes that have an extent inside the image, cut at its border."""
        kept = []
        for box in boxes:
            cut = _cut(box, width, height)
            if reason := _fault(box, cut):
                self.skip(reason, box.where)
                continue
            self._totals["clipped_boxes"] += _moved(box, cut) > _CLIP_TOLERANCE
            kept.append(cut)
        return kept

    def count(self, boxes):
        """Counts an image that was written with these boxes."""
        self._totals["images"] += 1
        self._totals["images_without_boxes"] += not boxes
        self._totals["boxes"] += len(boxes)
        self._per_class.update(box.class_text for box in boxes)

    def as_dict(self):
        """As `write_records` returns it."""
        names = ("images", "images_without_boxes", "boxes", "clipped_boxes")
        return {
            **{name: self._totals[name] for name in names},
            "per_class": dict(sorted(self._per_class.items())),
            "skipped": dict(self._skipped),
            "examples": dict(self._examples),
        }


def _cut(box, width, height):
    return dataclasses.replace(
        box,
        xmin=min(max(box.xmin, 0), width),
        ymin=min(max(box.ymin, 0), height),
        xmax=min(max(box.xmax, 0), width),
        ymax=min(max(box.ymax, 0), height),
    )


def _moved(box, cut):
    """How far the farthest edge was moved, in pixels."""
    edges = ("xmin", "ymin", "xmax", "ymax")
    return max(abs(getattr(box, e) - getattr(cut, e)) for e in edges)


def _fault(box, cut):
    """Why a box cannot be used; None if it can."""
    if not all(map(math.isfinite, (box.xmin, box.ymin, box.xmax, box.ymax))):
        return "box with NaN or infinity"
    if box.xmax < box.xmin or box.ymax < box.ymin:
        return "box with its maximum below its minimum"
    if box.xmax == box.xmin or box.ymax == box.ymin:
        return "box of size zero"
    if cut.xmax <= cut.xmin or cut.ymax <= cut.ymin:
        return "box outside of the image"
    return None


def unknown_class(where, name, known):
    """The error for a class that the label map does not have."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ": add it there"
    return UserError(f"{where}: class {name!r} is not in the label map{hint}")
