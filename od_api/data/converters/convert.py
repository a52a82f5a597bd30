"""What converters share: labelled images in, sharded TFRecords and a summary out."""

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.conversion_summary import Summary
from od_api.data.converters.labelled_images import read_image
from od_api.data.converters.turning import turn_box
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.sharded_writer import ShardedWriter

# As in configs.
LARGEST_SEED = 2**32 - 1


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
      note: what was left out of the annotation, for the summary.
      flags: {key below image/object: bool} of what else is known: group_of, occluded,
        truncated, depiction.
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
    note: str = ""
    flags: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class LabelledImage:
    """One image file with its boxes.

    Attributes:
      path: of the image file.
      source_id: unique name in the data set.
      make_boxes: (width, height) -> list of `Box`; called with the file's real size.
      width, height: as annotated; None or 0 where the annotation does not say.
      where: names the annotation in messages.
      note: what was decided about it, for the summary.
      image_classes: [(class text, class id, confidence)] of the whole image, 1 where it
        shows the class and 0 where it does not; None where nobody has looked.
    """

    path: Path
    source_id: str
    make_boxes: Callable[[int, int], list[Box]]
    width: int | None = None
    height: int | None = None
    where: str = ""
    note: str = ""
    image_classes: list | None = None


def write_records(images, output_prefix, class_ids, options):
    """Writes labelled images to `<output_prefix>-00000-of-0000N`.

    Boxes are cut at the image's border. Boxes without extent are counted and never
    written; an image that loses all its boxes stays, as one without objects.

    Args:
      images: list of `LabelledImage`.
      output_prefix: path and first part of the files' names.
      class_ids: a `ClassIds`, saved when the records are complete.
      options: `Options`.

    Returns:
      The summary, a dict: images, images_without_boxes, boxes, clipped_boxes, per_class
      {name: boxes}, notes {what was done: count}, skipped {reason: count}, examples
      {reason: [where, ...]}.

    Raises:
      UserError: no images, a bad one, or two that are the same.
    """
    _check(images, output_prefix, options)
    if options.seed is not None:
        images = list(images)
        random.Random(options.seed).shuffle(images)
    summary = Summary()
    with ShardedWriter(output_prefix, options.num_shards) as writer:
        for image in _tracked(images, output_prefix, options):
            picture = _picture(image, options, summary)
            if picture is not None:
                _write(writer, image, picture, summary)
        if not summary.num_images:
            raise UserError(
                f"{printable(output_prefix)}: all {len(images)} images are bad; the "
                f"first: {summary.as_dict()['examples']['bad image'][0]}"
            )
        class_ids.save()
    return summary.as_dict()


def _tracked(images, output_prefix, options):
    """The images, with a bar that shows how many are done."""
    return track(
        images,
        escape(printable(output_prefix)),
        console=Console(stderr=True),
        disable=not options.progress,
    )


def _picture(image, options, summary):
    """The image as it was read; None of a bad one that is left out."""
    try:
        return read_image(image, options.max_pixels)
    except UserError as error:
        if not options.skip_bad_images:
            raise
        summary.skip("bad image", str(error))
        return None


def example_of(image, max_pixels):
    """The tf.train.Example that `write_records` writes of a `LabelledImage`.

    Raises:
      UserError: the image is a bad one.
    """
    picture = read_image(image, max_pixels)
    boxes = Summary().usable(_boxes(image, picture), *picture.size)
    return _example(image, picture, boxes)


def _write(writer, image, picture, summary):
    boxes = summary.usable(_boxes(image, picture), *picture.size)
    writer.write(_example(image, picture, boxes))
    notes = (*picture.notes, *([image.note] if image.note else []))
    summary.count(boxes, notes)


def _check(images, output_prefix, options):
    """Refuses what would end or spoil a conversion later on."""
    num_shards, seed = options.num_shards, options.seed
    if not images:
        raise UserError(
            f"there is not one image to write to {printable(output_prefix)}"
        )
    if not 1 <= num_shards <= len(images):
        raise UserError(
            f"--num-shards {num_shards}: ask for 1 to {len(images)} record files, as "
            f"there are {len(images)} images"
        )
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise UserError(f"--seed {seed}: use a number from 0 to {LARGEST_SEED}")
    check_names(images)


def check_names(images):
    """Refuses images of one file or name, and names that no record can hold.

    Raises:
      UserError: with the annotations' places.
    """
    by_path, by_id = {}, {}
    for image in images:
        _check_text(image)
        _once(by_path, image.path, image, f"the image {printable(image.path)}")
        _once(by_id, image.source_id, image, f"source_id {printable(image.source_id)}")


def _once(seen, key, image, what):
    first = seen.setdefault(key, image)
    if first is not image:
        raise UserError(
            f"{first.where} and {image.where} are both for {what}: a record holds one "
            "image with all its boxes, so join them, or mend the name in one of them"
        )


def _check_text(image):
    for text in (image.path.name, image.source_id):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"{image.where}: the name {printable(text)!r} is not UTF-8: rename the "
                "file"
            ) from error


def _boxes(image, picture):
    boxes = image.make_boxes(*picture.boxes_size)
    if picture.turn == 1:
        return boxes
    return [turn_box(box, picture.turn, *picture.boxes_size) for box in boxes]


def _example(image, picture, boxes):
    width, height = picture.size
    edges = [
        (b.ymin / height, b.xmin / width, b.ymax / height, b.xmax / width)
        for b in boxes
    ]
    with_masks = boxes and all(b.mask_png for b in boxes)
    file = EncodedImage(
        encoded=picture.encoded,
        format=picture.format,
        filename=image.path.name,
        source_id=image.source_id,
        height=height,
        width=width,
    )
    objects = Objects(
        boxes=edges,
        class_texts=[b.class_text for b in boxes],
        class_ids=[b.class_id for b in boxes],
        is_crowd=[b.is_crowd for b in boxes],
        difficult=[b.difficult for b in boxes],
        area=[_area(b) for b in boxes],
        masks_png=[b.mask_png() for b in boxes] if with_masks else None,
        flags=_flags(boxes),
    )
    return make_example(file, objects, image.image_classes)


def _flags(boxes):
    """{name: [G] bools} of the flags that some box has; False where it is not known."""
    names = sorted({name for box in boxes for name in box.flags})
    return {name: [box.flags.get(name, False) for box in boxes] for name in names}


def _area(box):
    if box.area is not None:
        return box.area
    return (box.xmax - box.xmin) * (box.ymax - box.ymin)
