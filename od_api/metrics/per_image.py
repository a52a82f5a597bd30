"""Ground truth and detections of a batch, image by image, as evaluation needs them."""

import numpy as np

from od_api.core.sample import KNOWN_CLASSES
from od_api.pictures import rle
from od_api.pictures.paste_masks import paste_masks

# Of the ground truth that evaluators take.
COLUMNS = ("boxes", "classes", "is_crowd", "difficult", "group_of", "area")


def per_image(batch, detections, with_masks=False):
    """A list of dicts, one an image.

    Args:
      batch: of an evaluation (see data/batch_fields.py), eager tensors.
      detections: its Detections.
      with_masks: `groundtruth` and `detections` have `masks`, too: run-length codes of
        the size that the image has in its file.

    Returns:
      dicts of image_id; source_id, bytes; groundtruth and detections, in pixels of the
      image in its file; pixels, uint8 [h, w, 3] of the network's input without padding;
      and drawn_groundtruth and drawn_detections, the same in pixels of that. These may
      have masks [n, h, w], or probabilities [n, mh, mw] for the inside of the boxes.
    """
    batch = {name: tensor.numpy() for name, tensor in batch.items()}
    detections = detections._replace(
        **{n: t.numpy() for n, t in detections._asdict().items() if t is not None}
    )
    return [
        _one_image(batch, detections, i, with_masks)
        for i in range(len(batch["true_shape"]))
    ]


def _one_image(batch, detections, i, with_masks):
    shape, (height, width) = batch["original_shape"][i], batch["true_shape"][i]
    ratio = np.tile(shape / batch["true_shape"][i], 2).astype(np.float32)
    drawn = _groundtruth(batch, i), _found(detections, i)
    truth, found = ({**d, "boxes": d["boxes"] * ratio} for d in drawn)
    # Those are of the network's input.
    truth.pop("masks", None)
    probabilities = found.pop("probabilities", None)
    if with_masks:
        counts = batch["mask_counts"][i][batch["valid"][i]]
        truth["masks"] = [rle.code_of(c, shape) for c in counts]
        found["masks"] = rle.encode_pasted(probabilities, found["boxes"], shape)
    pixels = np.clip(batch["image"][i][:height, :width], 0, 255)
    return {
        "image_id": int(batch["image_id"][i]),
        "source_id": batch["source_id"][i],
        "groundtruth": truth,
        "detections": found,
        "pixels": pixels.astype(np.uint8),
        "drawn_groundtruth": drawn[0],
        "drawn_detections": drawn[1],
    }


def of_whole_images(batch, scores):
    """A list of dicts, one an image: what a classifier says of them.

    Args:
      batch: of an evaluation, eager tensors, with image_classes.
      scores: [B, K] of all classes.

    Returns:
      dicts of image_id; source_id, bytes; groundtruth: image_classes [K]; and
      detections: scores [K].
    """
    return [
        {
            "image_id": int(image_id),
            "source_id": source_id,
            "groundtruth": {"image_classes": classes},
            "detections": {"scores": of_image},
        }
        for image_id, source_id, classes, of_image in zip(
            batch["image_id"].numpy(),
            batch["source_id"].numpy(),
            batch["image_classes"].numpy(),
            scores.numpy(),
            strict=True,
        )
    ]


def labelled(objects, label_map, image_shape, min_score=0.0, limit=None):
    """(boxes, labels, classes, masks or None) of what is worth drawing, best first.

    Args:
      objects: a drawn_groundtruth or drawn_detections of `per_image`.
      label_map: has `name(id)`.
      image_shape: (h, w) of the picture.
      min_score: detections below it are left out.
      limit: so many detections at most; None for all.
    """
    scores, keep = objects.get("scores"), slice(None)
    if scores is not None:
        keep = np.where(scores >= min_score)[0][:limit]
    boxes, classes = objects["boxes"][keep], objects["classes"][keep]
    labels = [label_map.name(c + 1) for c in classes]
    if scores is not None:
        pairs = zip(labels, scores[keep], strict=True)
        labels = [f"{label} {score:.2f}" for label, score in pairs]
    masks = objects["masks"][keep] if "masks" in objects else None
    if "probabilities" in objects:
        masks = paste_masks(objects["probabilities"][keep], boxes, image_shape)
    return boxes, labels, classes, masks


def _groundtruth(batch, i):
    valid = batch["valid"][i]
    truth = {name: batch[name][i][valid] for name in COLUMNS}
    truth |= {name: np.flatnonzero(batch[name][i]) for name in KNOWN_CLASSES}
    if not batch["any_verified"][i]:
        truth["verified_classes"] = None
    if "masks" in batch:
        height, width = batch["true_shape"][i]
        truth["masks"] = batch["masks"][i][valid][:, :height, :width]
    return truth


def _found(detections, i):
    count = detections.count[i]
    found = {
        "boxes": detections.boxes[i][:count],
        "scores": detections.scores[i][:count],
        "classes": detections.classes[i][:count],
    }
    if detections.masks is not None:
        found["probabilities"] = detections.masks[i][:count]
    return found
