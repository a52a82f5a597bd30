"""Detection: a SavedModel and images in, COCO results and annotated pictures out.

Written are `detections.json` (COCO results: image_id, category_id, bbox [x, y, width,
height] in pixels, score, and of a model with masks segmentation, a run-length code of
the image's size), `images.json` (the COCO data set without annotations that they belong
to: ids, file names and sizes of the images, names of the classes) and one annotated
picture an image.

Images are decoded as in training (`pictures/decoding.py`) and turned upright as EXIF
says. An image that cannot be read does not stop the others.
"""

import json
import os
import pathlib
from typing import NamedTuple

import numpy as np
from absl import logging
from PIL import Image
from rich.progress import Progress

from od_api.config.loading import load_config, locate
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data.label_map import LabelMap
from od_api.exporting import saved_models
from od_api.pictures import draw, rle
from od_api.pictures.decoding import MAX_PIXELS
from od_api.pictures.image_files import find_images, read_image
from od_api.protos import pipeline_pb2
from od_api.tiles.tile_merging import TileMerging
from od_api.tiles.tiled_images import TiledImages

_JPEG_QUALITY = 92
# Bytes of a picture's name before its ending: file systems take 255 in all.
_MAX_STEM = 200


def detect(
    model_dir,
    images,
    output_dir,
    *,
    label_map_path=None,
    tiles=None,
    **limits,
):
    """Runs an exported detector over images; writes what the module's docstring says.

    Args:
      model_dir: a SavedModel directory with an image_tensor signature, the output
        directory of an export, or a folder of numbered versions.
      images: files or folders.
      output_dir: directory to create or add to.
      label_map_path: instead of the model's own label map.
      tiles: a Tiling for images larger than the model's input: each tile is to the
        model an image of its own, and what it finds is merged as the pipeline.config
        beside the model says. None: each image is resized whole.
      **limits: the attributes of Limits.

    Returns:
      The list of results.

    Raises:
      UserError: no model, no image, or, at the end, images that could not be read.
    """
    limits = Limits(**limits).checked()
    model_dir = saved_models.saved_model_dir(model_dir)
    files = find_images(images)
    merging = _merging(model_dir) if tiles else None
    output_dir = _output_dir(output_dir, images)
    label_map = LabelMap.load(label_map_path or _own_label_map(model_dir))
    find = _Finder(saved_models.load(model_dir), model_dir, tiles, merging)
    results, listed, problems = _seen(files, find, label_map, output_dir, limits)
    _write_results(results, listed, label_map, output_dir)
    _refuse_unread(problems, len(files))
    return results


class Limits(NamedTuple):
    """What is shown, and read.

    Attributes:
      min_score: what is kept and drawn, 0..1.
      max_boxes: how many boxes are drawn on a picture; all are in detections.json.
      max_pixels: a larger image is refused before it is decoded.
    """

    min_score: float = 0.5
    max_boxes: int = 20
    max_pixels: int = MAX_PIXELS

    def checked(self):
        numbers_fit = self.max_boxes >= 0 and self.max_pixels >= 1
        if not (0 <= self.min_score <= 1 and numbers_fit):
            raise UserError(
                "the smallest score must be within 0..1, the number of boxes at least "
                "0 and the limit of pixels at least 1, but they are "
                f"{self.min_score}, {self.max_boxes} and {self.max_pixels}"
            )
        return self


class _Finder:
    """What a model finds in an image, whole or in tiles."""

    def __init__(self, model, model_dir, tiles, merging):
        # A signature alone would not keep its model alive.
        self._model = model
        self._signature = saved_models.signature_of(model, model_dir)
        self._tiled = tiles and TiledImages(self._in_tiles, tiles, merging)

    def __call__(self, image, progress):
        """{"boxes" in pixels, "scores", "classes" label-map ids, maybe "masks"}."""
        if self._tiled is None:
            return self._in_tiles(image[None])[0]
        return self._tiled(image, progress)

    def _in_tiles(self, tiles):
        # One by one: a model may take no more.
        return [_in_pixels(saved_models.run(self._signature, x), x) for x in tiles]


def _seen(files, find, label_map, output_dir, limits):
    """Draws a picture of each image.

    Returns:
      (COCO results, COCO images, what went wrong with the others).
    """
    results, listed, problems = [], [], []
    pictures = _picture_names(files)
    with Progress(transient=True) as progress:
        shown = progress.track(files, description="detecting")
        for image_id, file in enumerate(shown, 1):
            try:
                image = read_image(file, limits.max_pixels)
                found = _shown(_named(file, find, image, progress), image, limits)
            except UserError as error:
                problems.append(str(error))
                continue
            results += _coco_results(found, image_id)
            listed.append(_coco_image(image, image_id, file))
            picture = _picture(image, found, label_map, limits.max_boxes)
            path = output_dir / pictures[image_id - 1]
            Image.fromarray(picture).save(path, quality=_JPEG_QUALITY)
    return results, listed, problems


def _write_results(results, listed, label_map, output_dir):
    """The two JSON files that the module's docstring describes."""
    _write_json(results, output_dir / "detections.json")
    data_set = {"images": listed, "categories": label_map.to_coco_categories()}
    _write_json({**data_set, "annotations": []}, output_dir / "images.json")
    logging.info(
        "%d objects in %d images: %s", len(results), len(listed), output_dir.resolve()
    )


def _output_dir(path, images):
    """The directory, made; not one of images: the pictures would become input."""
    path = pathlib.Path(path)
    if path.resolve() in {pathlib.Path(i).resolve() for i in images}:
        raise UserError(
            f"the images are in {printable(path)}: choose another output directory"
        )
    path.mkdir(parents=True, exist_ok=True)
    return path


def _own_label_map(model_dir):
    files = sorted((model_dir / "assets").glob("*"))
    if not files:
        raise UserError(
            f"{printable(model_dir)} carries no label map: name one with --label-map"
        )
    return files[0]


def _picture_names(files):
    """`<stem>_detections.jpg`, with a number where the stem was there before."""
    names, taken = [], set()
    for file in files:
        first = os.fsdecode(os.fsencode(file.stem)[:_MAX_STEM])
        stem, n = first, 1
        while f"{stem}_detections.jpg".lower() in taken:
            n += 1
            stem = f"{first}_{n}"
        names.append(f"{stem}_detections.jpg")
        taken.add(names[-1].lower())
    return names


def _merging(model_dir):
    """As the config beside a SavedModel says; with a warning without one."""
    # Beside saved_model/, and above serving/<name>/<version>/.
    for path in (model_dir, model_dir.parent, *model_dir.parents[2:3]):
        config = path / "pipeline.config"
        if config.is_file():
            try:
                return TileMerging.of_config(load_config(config))
            except ConfigError as error:
                raise locate(error, config) from error
    return TileMerging.of_config(pipeline_pb2.TrainEvalPipelineConfig())


def _named(file, find, *arguments):
    """What is found; errors name the file."""
    try:
        return find(*arguments)
    except UserError as error:
        raise UserError(f"{printable(file)}: {error}") from error


def _in_pixels(outputs, image):
    """Outputs of one image, boxes in its pixels, without rows that are no detections.

    What is not a number is none, and no file of COCO results can hold it.
    """
    size = np.array([*image.shape[:2]] * 2, np.float32)
    found = {
        "boxes": outputs["detection_boxes"] * size,
        "scores": outputs["detection_scores"],
        "classes": outputs["detection_classes"],
    }
    if "detection_masks" in outputs:
        found["masks"] = outputs["detection_masks"]
    known = np.isfinite(found["boxes"]).all(axis=1) & np.isfinite(found["classes"])
    return {name: rows[known] for name, rows in found.items()}


def _shown(found, image, limits):
    """What is kept of an image's detections; masks become codes of its size."""
    keep = np.flatnonzero(found["scores"] >= limits.min_score)
    kept = {name: rows[keep] for name, rows in found.items()}
    kept["classes"] = kept["classes"].astype(int)
    if "masks" in kept:
        kept["masks"] = rle.encode_pasted(kept["masks"], kept["boxes"], image.shape[:2])
    return kept


def _coco_results(found, image_id):
    results = []
    rows = zip(found["boxes"], found["scores"], found["classes"], strict=True)
    for (ymin, xmin, ymax, xmax), score, class_id in rows:
        box = [xmin, ymin, xmax - xmin, ymax - ymin]
        results.append(
            {
                "image_id": image_id,
                "category_id": int(class_id),
                "bbox": [round(float(v), 3) for v in box],
                "score": round(float(score), 6),
            }
        )
    for result, code in zip(results, found.get("masks", ()), strict=False):
        result["segmentation"] = code
    return results


def _coco_image(image, image_id, file):
    height, width = image.shape[:2]
    return {"id": image_id, "file_name": str(file), "height": height, "width": width}


def _picture(image, found, label_map, max_boxes):
    best = slice(0, max_boxes)
    pairs = zip(found["classes"][best], found["scores"][best], strict=True)
    labels = [f"{printable(label_map.name(int(c)))} {s:.2f}" for c, s in pairs]
    classes, masks = found["classes"][best] - 1, None
    if codes := found.get("masks", [])[best]:
        masks = rle.decode(codes)
    return draw.draw_boxes(image, found["boxes"][best], labels, classes, masks)


def _write_json(value, path):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(temporary, path)


def _refuse_unread(problems, num_files):
    if not problems:
        return
    shown = "; ".join(problems[:5])
    more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
    raise UserError(
        f"{len(problems)} of {num_files} images failed, the others are done: "
        f"{shown}{more}"
    )
