"""Detection: a SavedModel and images in, COCO results and annotated pictures out.

Written are `detections.json` (COCO results: image_id, category_id, bbox [x, y, width,
height] in pixels, score, and of a model with masks segmentation, a run-length code of
the image's size), `images.json` (the COCO data set without annotations that they belong
to: ids, file names and sizes of the images, names of the classes) and one annotated
picture an image. Of a video or a camera `<name>_detections.mp4` and `.jsonl` are
written (`inference/videos.py`).

Images are decoded as in training (`pictures/decoding.py`) and turned upright as EXIF
says. An image that cannot be read does not stop the others.
"""

import functools
import json
import os
import pathlib
from typing import NamedTuple

from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.inference.videos import annotate, is_video, stem_of
from od_api.load import load
from od_api.pictures.decoding import MAX_PIXELS
from od_api.pictures.image_files import find_images, read_image
from od_api.system.terminal import bars, tracked

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
    threads=None,
    **limits,
):
    """Runs a detector over images and videos; writes what the module's docstring says.

    Args:
      model_dir: as `od_api.load` takes it: an export, or a training run.
      images: files or folders; videos, by their endings, and numbers of cameras.
      output_dir: directory to create or add to.
      label_map_path: instead of the model's own label map.
      tiles: a Tiling for images larger than the model's input: each tile is to the
        model an image of its own, and what it finds is merged as the pipeline.config
        beside the model says. None: each image is resized whole.
      threads, **limits: as of `od_api.load`; the attributes of Limits.

    Returns:
      The list of results of the images.

    Raises:
      UserError: no model, no image, or, at the end, images that could not be read.
    """
    settings = {"label_map_path": label_map_path, "tiles": tiles, "threads": threads}
    loading = functools.partial(load, model_dir, **settings)
    return detect_with(loading, images, output_dir, Limits(**limits))


def detect_with(loading, images, output_dir, limits):
    """As `detect`, with a detector that is loaded once there are images.

    Args:
      loading: returns a LoadedDetector.
      images, output_dir: as of `detect`.
      limits: Limits.
    """
    limits = limits.checked()
    videos = _videos(images)
    images = [image for image in images if image not in videos]
    files = find_images(images) if images or not videos else []
    _refuse_folder_of_images(output_dir, images)
    detector = loading()
    output_dir = pathlib.Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    for video in videos:
        annotate(detector, video, output_dir, limits)
    return _detect_in_images(files, detector, output_dir, limits) if files else []


def _detect_in_images(files, detector, output_dir, limits):
    results, listed, problems = _seen(files, detector, output_dir, limits)
    _write_results(results, listed, detector.label_map, output_dir)
    _refuse_unread(problems, len(files))
    return results


def _videos(images):
    """Those of the arguments that are videos or cameras.

    Raises:
      UserError: two of them would be written to one file.
    """
    videos = [image for image in images if is_video(image)]
    stems = [stem_of(video).lower() for video in videos]
    if twice := [v for v, s in zip(videos, stems, strict=True) if stems.count(s) > 1]:
        raise UserError(
            f"{printable(', '.join(map(str, twice)))} would be written to files of one "
            "name: detect in one after the other, into directories of their own"
        )
    return videos


class Limits(NamedTuple):
    """What is shown, and read.

    Attributes:
      min_score: what is kept and drawn, 0..1.
      max_boxes: how many boxes are drawn on a picture; all are in detections.json.
      max_pixels: a larger image is refused before it is decoded.
      max_frames: of a video or camera; None: all.
    """

    min_score: float = 0.5
    max_boxes: int = 20
    max_pixels: int = MAX_PIXELS
    max_frames: int | None = None

    def checked(self):
        if self.max_frames is not None and self.max_frames < 1:
            raise UserError(f"--max-frames is {self.max_frames}: it must be 1 or more")
        numbers_fit = self.max_boxes >= 0 and self.max_pixels >= 1
        if not (0 <= self.min_score <= 1 and numbers_fit):
            raise UserError(
                "the smallest score must be within 0..1, the number of boxes at least "
                "0 and the limit of pixels at least 1, but they are "
                f"{self.min_score}, {self.max_boxes} and {self.max_pixels}"
            )
        return self


def _seen(files, detector, output_dir, limits):
    """Draws a picture of each image.

    Returns:
      (COCO results, COCO images, what went wrong with the others).
    """
    results, listed, problems = [], [], []
    pictures = _picture_names(files)
    with bars() as progress:
        shown = tracked(files, "detecting", progress=progress)
        for image_id, file in enumerate(shown, 1):
            try:
                found = _found(file, detector, limits, progress)
            except UserError as error:
                problems.append(str(error))
                continue
            results += found.to_coco(image_id)
            listed.append(_coco_image(found, image_id))
            path = output_dir / pictures[image_id - 1]
            found.draw(limits.max_boxes).save(path, quality=_JPEG_QUALITY)
    return results, listed, problems


def _found(file, detector, limits, progress):
    pixels, name = read_image(file, limits.max_pixels), printable(file)
    [rows] = detector.rows(pixels[None], name, progress)
    size, image = pixels.shape[:2], {"pixels": pixels, "path": file}
    return detector.detections(rows, size, limits.min_score, **image)


def _write_results(results, listed, label_map, output_dir):
    """The two JSON files that the module's docstring describes."""
    _write_json(results, output_dir / "detections.json")
    data_set = {"images": listed, "categories": label_map.to_coco_categories()}
    _write_json({**data_set, "annotations": []}, output_dir / "images.json")
    logging.info(
        "%d objects in %d images: %s", len(results), len(listed), output_dir.resolve()
    )


def _refuse_folder_of_images(path, images):
    """The pictures would become input."""
    if pathlib.Path(path).resolve() in {pathlib.Path(i).resolve() for i in images}:
        raise UserError(
            f"the images are in {printable(path)}: choose another output directory"
        )


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


def _coco_image(found, image_id):
    size = {"height": found.height, "width": found.width}
    return {"id": image_id, "file_name": str(found.path), **size}


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
