"""Detection: a SavedModel and images in, COCO results and annotated pictures out."""

import json
import os
import pathlib

import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image
from rich.progress import track

from od_api.core import draw, rle
from od_api.core.errors import UserError
from od_api.core.image_files import find_images, read_image
from od_api.data.label_map import LabelMap

_JPEG_QUALITY = 92


def detect(
    model_dir, images, output_dir, *, min_score=0.5, max_boxes=20, label_map_path=None
):
    """Runs an exported detector over images.

    Writes `detections.json` (COCO results: image_id, category_id, bbox [x, y, width,
    height] in pixels, score, and of a model with masks segmentation, a run-length code
    of the image's size), `images.json` (the COCO data set without annotations that
    they belong to: ids, file names and sizes of the images, names of the classes) and
    one annotated picture an image.

    An image that cannot be read does not stop the others.

    Args:
      model_dir: a SavedModel directory with an image_tensor signature, the output
        directory of an export, or a folder of numbered versions.
      images: files or folders.
      output_dir: directory to create or add to.
      min_score: what is kept and drawn, 0..1.
      max_boxes: how many boxes are drawn on a picture; all are in detections.json.
      label_map_path: instead of the model's own label map.

    Returns:
      The list of results.

    Raises:
      UserError: no model, no image, or, at the end, images that could not be read.
    """
    if not 0 <= min_score <= 1 or max_boxes < 0:
        raise UserError(
            f"the smallest score must be within 0..1 and the number of boxes at least "
            f"0, but they are {min_score} and {max_boxes}"
        )
    model_dir = saved_model_dir(model_dir)
    files = find_images(images)
    output_dir = _output_dir(output_dir, images)
    label_map = LabelMap.load(label_map_path or _own_label_map(model_dir))
    model = tf.saved_model.load(str(model_dir))
    signature = _signature(model, model_dir)
    listed, results, problems = [], [], []
    pictures = _picture_names(files)
    for image_id, file in enumerate(track(files, "detecting", transient=True), 1):
        try:
            image = read_image(file)
        except UserError as error:
            problems.append(str(error))
            continue
        found = _run(signature, image, min_score)
        results += _coco_results(found, image_id)
        listed.append(_coco_image(image, image_id, file))
        picture = _picture(image, found, label_map, max_boxes)
        path = output_dir / pictures[image_id - 1]
        Image.fromarray(picture).save(path, quality=_JPEG_QUALITY)
    _write_json(results, output_dir / "detections.json")
    data_set = {"images": listed, "categories": label_map.to_coco_categories()}
    _write_json({**data_set, "annotations": []}, output_dir / "images.json")
    logging.info(
        "%d objects in %d images: %s", len(results), len(listed), output_dir.resolve()
    )
    _refuse_unread(problems, len(files))
    return results


def saved_model_dir(path):
    """Where the SavedModel is that a user's path means.

    Raises:
      UserError: there is none.
    """
    path = pathlib.Path(path)
    numbered = [p for p in path.glob("*") if p.name.isdecimal()]
    newest = sorted(numbered, key=lambda p: int(p.name))[-1:]
    for candidate in (path, path / "saved_model", *newest):
        if (candidate / "saved_model.pb").is_file():
            return candidate
    raise UserError(
        f"{path} holds no SavedModel (saved_model.pb): name the directory that "
        "od-api export made"
    )


def _output_dir(path, images):
    """The directory, made; not one of images: the pictures would become input."""
    path = pathlib.Path(path)
    if path.resolve() in {pathlib.Path(i).resolve() for i in images}:
        raise UserError(f"the images are in {path}: choose another output directory")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _own_label_map(model_dir):
    files = sorted((model_dir / "assets").glob("*"))
    if not files:
        raise UserError(f"{model_dir} carries no label map: name one with --label-map")
    return files[0]


def _signature(model, model_dir):
    """The signature that takes a batch of uint8 images."""
    signature = model.signatures.get("serving_default")
    if signature is None:
        raise UserError(f"{model_dir} has no signature serving_default")
    specs = list(signature.structured_input_signature[1].values())
    if len(specs) != 1 or specs[0].dtype != tf.uint8:
        taken = ", ".join(f"{s.name} ({s.dtype.name})" for s in specs)
        raise UserError(
            f"{model_dir} takes {taken}; export it with --input-type image_tensor to "
            "use it here"
        )
    return signature


def _picture_names(files):
    """`<stem>_detections.jpg`, with a number where the stem was there before."""
    names, taken = [], set()
    for file in files:
        stem, n = file.stem, 1
        while f"{stem}_detections.jpg".lower() in taken:
            n += 1
            stem = f"{file.stem}_{n}"
        names.append(f"{stem}_detections.jpg")
        taken.add(names[-1].lower())
    return names


def _run(signature, image, min_score):
    """{"boxes" pixels, "scores", "classes" label-map ids, maybe "masks"}, one image."""
    outputs = signature(tf.constant(image[None]))
    outputs = {name: value[0].numpy() for name, value in outputs.items()}
    count = int(outputs["num_detections"])
    keep = np.flatnonzero(outputs["detection_scores"][:count] >= min_score)
    height, width = image.shape[:2]
    size = np.array([height, width, height, width], np.float32)
    found = {
        "boxes": outputs["detection_boxes"][keep] * size,
        "scores": outputs["detection_scores"][keep],
        "classes": outputs["detection_classes"][keep].astype(int),
    }
    if "detection_masks" in outputs:
        masks = outputs["detection_masks"][keep]
        found["masks"] = rle.encode_pasted(masks, found["boxes"], (height, width))
    return found


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
    labels = [f"{label_map.name(int(c))} {s:.2f}" for c, s in pairs]
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
