"""The Oxford-IIIT Pet data set to TFRecords (Parkhi et al., CVPR 2012).

Classes are the 37 breeds, which images have in their names (`Abyssinian_100.jpg`).
Boxes are those of the heads in annotations/xmls; or, with masks, those around the whole
animal in annotations/trimaps.
"""

import functools
import re
from pathlib import Path

import numpy as np
from PIL import Image

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters import voc_xml
from od_api.data.converters.coco_masks import encode_png
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.conversion_summary import with_left_out
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.file_names import Folder
from od_api.system.files import read_text, require_regular, unreadable
from od_api.system.path_names import one_name

# Trimaps: 1 the animal, 2 the background, 3 the border between them.
_BACKGROUND = 2
_NAME = re.compile(r"(.+)_\d+")
_NO_HEAD = "image without a box of the head (annotations/xmls)"


def convert_pets(
    annotations_dir,
    images_dir,
    output_prefix,
    *,
    split="trainval",
    include_masks=False,
    **options,
):
    """Converts the images that a list names.

    Without a label map the breeds of the list are the classes, alphabetically from 1.
    Images without a box of the head are left out and counted.

    Args:
      annotations_dir: with <split>.txt, xmls and trimaps.
      images_dir, output_prefix: as of every converter.
      split: name of the list: lines of a name and three numbers.
      include_masks: boxes and masks of whole animals.
      **options: as `Options` has them.

    Returns:
      The summary of `convert.write_records`.

    Raises: UserError: a file is missing or malformed.
    """
    options, folder = Options(**options), Path(annotations_dir)
    listed = _listed(folder / f"{one_name(split.removesuffix('.txt'), 'split')}.txt")
    used = {breed: where for _, breed, where in reversed(listed)}
    declared = dict(enumerate(sorted(used), 1))
    class_ids = options.class_ids(printable(folder), declared, used)
    files = Folder(images_dir)
    without = [] if include_masks else _without_head(folder, listed)
    images = [
        _image(name, (breed, class_ids.id_of(breed)), folder, files, include_masks)
        for name, breed, where in listed
        if f"{where} ({printable(name)})" not in without
    ]
    summary = write_records(images, output_prefix, class_ids, options)
    return with_left_out(summary, {_NO_HEAD: without})


def _without_head(folder, listed):
    """The places of images in a list that have no XML file."""
    return [
        f"{where} ({printable(name)})"
        for name, _, where in listed
        if not (folder / "xmls" / f"{name}.xml").exists()
    ]


def _image(name, label, folder, files, include_masks):
    source = folder / "xmls" / f"{name}.xml"
    if include_masks:
        source = folder / "trimaps" / f"{name}.png"
    path = files.find(f"{name}.jpg") or files.root / f"{name}.jpg"
    make = functools.partial(_whole if include_masks else _heads, source, label)
    return LabelledImage(path, path.name, make, where=printable(source))


def _listed(path):
    """[(name, breed, `file:line`)] of a list."""
    found = []
    for number, line in enumerate(read_text(path, "list of a split").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name = line.split()[0]
        match = _NAME.fullmatch(name)
        if match is None:
            raise UserError(
                f"{printable(path)}:{number}: {printable(name)} has no breed in its "
                "name (Abyssinian_100)"
            )
        one_name(name, "image")
        found.append((name, match[1], f"{printable(path)}:{number}"))
    if not found:
        raise UserError(f"{printable(path)}: lists no images")
    return found


def _heads(path, label, width, height):
    """The boxes of heads in an XML file; what it calls them is the species."""
    root, boxes = voc_xml.parse(path), []
    for count, item in enumerate(voc_xml.objects(root), 1):
        where = f"{printable(path)}: object {count}"
        xmin, ymin, xmax, ymax = (
            voc_xml.coordinate(item, f"bndbox/{edge}", where)
            for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        boxes.append(
            Box(
                *(xmin, ymin, xmax, ymax),
                class_id=label[1],
                class_text=label[0],
                difficult=voc_xml.flag(item, "difficult", where),
                where=where,
                flags={"truncated": voc_xml.flag(item, "truncated", where)},
            )
        )
    return boxes


def _whole(path, label, width, height):
    """The box around an animal in a trimap, with its mask."""
    mask = _mask(path, width, height)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        raise UserError(f"{printable(path)}: has no animal, but background alone")
    edges = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return [
        Box(
            *map(int, edges),
            class_id=label[1],
            class_text=label[0],
            area=float(mask.sum()),
            mask_png=lambda: encode_png(mask),
            where=printable(path),
        )
    ]


def _mask(path, width, height):
    try:
        require_regular(path, "trimap")
        with Image.open(path) as picture:
            trimap = np.asarray(picture)
    except (OSError, ValueError, SyntaxError) as error:
        reason = unreadable(path, error, "trimap") if isinstance(error, OSError) else ""
        message = reason or f"{printable(path)}: cannot be decoded: {error}"
        raise UserError(message) from error
    if trimap.shape != (height, width):
        raise UserError(
            f"{printable(path)}: is of shape {trimap.shape}, and its image has "
            f"{width}x{height} pixels"
        )
    return (trimap != _BACKGROUND).astype(np.uint8)
