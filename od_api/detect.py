"""Detection: a SavedModel and images in, COCO results and annotated pictures out."""

import json
import os
import pathlib

import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.progress import track

from od_api.core import draw
from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}


def detect(
    model_dir, images, output_dir, *, min_score=0.5, max_boxes=20, label_map_path=None
):
    """Runs an exported detector over images.

    Writes `detections.json` (COCO results: image_id, file_name, category_id, bbox
    [x, y, width, height] in pixels, score) and one annotated picture an image.

    Args:
      model_dir: a SavedModel directory with an image_tensor signature, or the output
        directory of an export.
      images: files or folders.
      output_dir: directory to create or add to.
      min_score: what is kept and drawn, 0..1.
      max_boxes: how many boxes are drawn on a picture.
      label_map_path: instead of the model's own label map.

    Returns:
      The list of results.

    Raises:
      UserError: no model, no image, or an image that cannot be read.
    """
    model_dir = _saved_model_dir(model_dir)
    files = find_images(images)
    label_map = LabelMap.load(label_map_path or _own_label_map(model_dir))
    model = tf.saved_model.load(str(model_dir))
    signature = model.signatures["serving_default"]
    _check_signature(signature, model_dir)
    output_dir = pathlib.Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    results = []
    for image_id, file in enumerate(track(files, "detecting", transient=True), 1):
        image = read_image(file)
        found = _run(signature, image, min_score)
        results += _coco_results(found, image_id, file)
        picture = _picture(image, found, label_map, max_boxes)
        Image.fromarray(picture).save(output_dir / f"{file.stem}_detections.jpg")
    _write_json(results, output_dir / "detections.json")
    logging.info(
        "%d objects in %d images: %s", len(results), len(files), output_dir.resolve()
    )
    return results


def find_images(paths):
    """The image files among `paths` and in the folders among them, sorted.

    Raises:
      UserError: a path that does not exist, or no image at all.
    """
    files = []
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"there is no image or folder {path}")
    if not files:
        raise UserError(f"no images ({', '.join(sorted(_SUFFIXES))}) in {paths}")
    return files


def read_image(path):
    """uint8 [h, w, 3] pixels, turned upright as the camera noted.

    Raises:
      UserError: not an image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from error


def _saved_model_dir(path):
    for candidate in (pathlib.Path(path), pathlib.Path(path) / "saved_model"):
        if (candidate / "saved_model.pb").is_file():
            return candidate
    raise UserError(f"{path} holds no SavedModel (saved_model.pb)")


def _own_label_map(model_dir):
    files = sorted((model_dir / "assets").glob("*"))
    if not files:
        raise UserError(f"{model_dir} carries no label map: name one with --label-map")
    return files[0]


def _check_signature(signature, model_dir):
    (spec,) = signature.structured_input_signature[1].values()
    if spec.dtype != tf.uint8:
        raise UserError(
            f"{model_dir} takes {spec.dtype.name} input; export it with "
            "--input-type image_tensor to use it here"
        )


def _run(signature, image, min_score):
    """{"boxes" pixels, "scores", "classes" label-map ids} of one image."""
    outputs = signature(tf.constant(image[None]))
    count = int(outputs["num_detections"][0])
    scores = outputs["detection_scores"][0][:count].numpy()
    keep = scores >= min_score
    height, width = image.shape[:2]
    size = np.array([height, width, height, width], np.float32)
    return {
        "boxes": outputs["detection_boxes"][0][:count].numpy()[keep] * size,
        "scores": scores[keep],
        "classes": outputs["detection_classes"][0][:count].numpy()[keep].astype(int),
    }


def _coco_results(found, image_id, file):
    results = []
    rows = zip(found["boxes"], found["scores"], found["classes"], strict=True)
    for (ymin, xmin, ymax, xmax), score, class_id in rows:
        box = [xmin, ymin, xmax - xmin, ymax - ymin]
        results.append(
            {
                "image_id": image_id,
                "file_name": file.name,
                "category_id": int(class_id),
                "bbox": [round(float(v), 3) for v in box],
                "score": round(float(score), 6),
            }
        )
    return results


def _picture(image, found, label_map, max_boxes):
    best = slice(0, max_boxes)
    pairs = zip(found["classes"][best], found["scores"][best], strict=True)
    labels = [f"{label_map.name(int(c))} {s:.2f}" for c, s in pairs]
    return draw.draw_boxes(
        image, found["boxes"][best], labels, found["classes"][best] - 1
    )


def _write_json(results, path):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1) + "\n")
    os.replace(temporary, path)
