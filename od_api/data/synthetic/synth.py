"""Synthetic scenes with exact ground truth, for demos and tests without a download.

Flat shapes with random colour, texture, outline, rotation and size lie over each other
on textured backgrounds. `generate` writes JPEG files, COCO JSON and a label map.
"""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.coco_json import convert_coco
from od_api.data.converters.convert import LARGEST_SEED
from od_api.data.label_map import LabelMap
from od_api.data.synthetic.scenes import (
    CLASS_NAMES,
    DIFFICULTIES,
    Difficulty,
    make_scene,
)
from od_api.system.leftovers import workspace

_JPEG_QUALITY = 90


def generate(
    output_dir,
    *,
    num_images,
    image_size=(320, 320),
    seed,
    split="train",
    difficulty="normal",
    on_image=lambda: None,
):
    """Writes `images/*.jpg`, `annotations.json` (COCO) and `label_map.pbtxt`.

    Image i depends on (seed, split, difficulty, image size, i) alone, so two calls give
    the same bytes, a longer set starts with the shorter one, and splits do not overlap.

    Args:
      output_dir: folder to write into; made where missing.
      num_images: how many scenes.
      image_size: (height, width) in pixels, each at least 48; seed: 0 or more.
      split: goes into the file names and the randomness.
      difficulty: a key of `DIFFICULTIES`, or a `Difficulty`.
      on_image: called without arguments after each image, for progress bars.

    Returns:
      The COCO dictionary that was written.

    Raises:
      UserError: an argument is out of range.
    """
    _check(num_images, image_size, seed)
    name, options = _options(difficulty)
    output_dir = _prepared(output_dir)
    coco = _coco(f"{split}, seed {seed}, {name}")
    for index in range(num_images):
        rng = np.random.default_rng([seed, _number(split), _number(name), index])
        scene = make_scene(rng, image_size, options)
        _add_scene(coco, output_dir / "images" / f"{split}_{index:06d}.jpg", *scene)
        on_image()
    _save(coco, output_dir)
    return coco


def generate_records(
    output_dir,
    *,
    num_images,
    num_shards=1,
    include_masks=False,
    progress=False,
    **settings,
):
    """As `generate`, and the same scenes as TFRecords `scenes.record-*` beside it.

    A folder that is new appears when everything in it is complete.

    Args:
      output_dir: folder to write into; made where missing.
      num_images: how many scenes.
      num_shards: number of record files.
      include_masks: the records hold the objects' visible pixels, too, as PNG.
      progress: shows bars on standard error.
      **settings: seed, split, image_size and difficulty of `generate`.

    Returns:
      The summary of `convert.write_records`.

    Raises:
      UserError: an argument is out of range.
    """
    target = Path(output_dir)
    arguments = (num_images, num_shards, include_masks, progress, settings)
    try:
        if target.exists():
            return _generate_into(target, *arguments)
        with workspace(target) as work:
            summary = _generate_into(work, *arguments)
            work.rename(target)
        return summary
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write {printable(target)}: {reason}") from error


def _generate_into(work, num_images, num_shards, include_masks, progress, settings):
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        name = f"scenes {settings.get('split', 'train')}"
        task = bar.add_task(escape(printable(name)), total=num_images)
        generate(
            work, num_images=num_images, on_image=lambda: bar.advance(task), **settings
        )
    return convert_coco(
        work / "annotations.json",
        work / "images",
        work / "scenes.record",
        num_shards=num_shards,
        include_masks=include_masks,
        progress=progress,
    )


def label_map():
    """The label map of synthetic scenes."""
    return LabelMap.from_names(CLASS_NAMES)


def _prepared(output_dir):
    """The folder's path, once it takes images and is none of other scenes."""
    output_dir = Path(output_dir)
    _check_label_map(output_dir / "label_map.pbtxt")
    (output_dir / "images").mkdir(parents=True, exist_ok=True)
    return output_dir


def _save(coco, folder):
    """Writes the annotations and their label map."""
    (folder / "annotations.json").write_text(json.dumps(coco), encoding="utf-8")
    label_map().save(folder / "label_map.pbtxt")


def _add_scene(coco, file, picture, objects):
    """Writes a picture's file, and adds it and its objects to the COCO dictionary."""
    file.write_bytes(_jpeg(picture))
    images, annotations = coco["images"], coco["annotations"]
    number, (height, width) = len(images) + 1, picture[0].shape
    images.append(
        {"id": number, "file_name": file.name, "height": height, "width": width}
    )
    for thing in objects:
        annotations.append(_annotation(thing, number, len(annotations) + 1))


def _annotation(thing, image_id, annotation_id):
    """COCO annotation of an object: everything from its visible pixels."""
    rows, columns = np.flatnonzero(thing.mask.any(1)), np.flatnonzero(thing.mask.any(0))
    top, left = int(rows[0]), int(columns[0])
    rle = coco_mask.encode(np.asfortranarray(thing.mask, dtype=np.uint8))
    height, width = thing.mask.shape
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": thing.class_id,
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(thing.mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": [height, width], "counts": rle["counts"].decode()},
    }


def _coco(description):
    """A COCO dictionary without images."""
    return {
        "info": {"description": f"synthetic scenes ({description})"},
        "images": [],
        "annotations": [],
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(CLASS_NAMES)],
    }


def _jpeg(picture):
    buffer = io.BytesIO()
    planes = [Image.fromarray(plane) for plane in picture]
    Image.merge("RGB", planes).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _number(text):
    """A stable number for a name; `hash` changes from process to process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _options(difficulty):
    if isinstance(difficulty, Difficulty):
        return repr(difficulty), difficulty
    if difficulty not in DIFFICULTIES:
        known = ", ".join(DIFFICULTIES)
        raise UserError(f"difficulty {difficulty!r} does not exist: use one of {known}")
    return difficulty, DIFFICULTIES[difficulty]


def _check_label_map(path):
    """Another label map than that of the scenes is not overwritten."""
    if path.exists() and not LabelMap.load(path).same_as(label_map()):
        raise UserError(
            f"{printable(path)} is there already and has other classes than synthetic "
            "scenes: write them to another folder"
        )


def _check(num_images, image_size, seed):
    if num_images < 1:
        raise UserError(f"num_images is {num_images}: ask for at least 1")
    if min(image_size) < 48:
        raise UserError(f"image_size {image_size}: scenes need at least 48 pixels")
    if not 0 <= seed <= LARGEST_SEED:
        raise UserError(
            f"seed is {seed}: use a non-negative integer up to {LARGEST_SEED}"
        )
