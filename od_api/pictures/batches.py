"""Batches as pictures: to see whether augmentation does what was meant."""

import itertools
import pathlib

import numpy as np

from od_api.pictures import draw

# Batches drawn before training: enough to see it.
_DRAWN_BATCHES = 2


def draw_batches(batches, label_map, path):
    """Draws the first batches, boxes and all, into one picture file.

    Returns:
      uint8 [n, H, W, 3]: the pictures.
    """
    pictures = []
    for batch in itertools.islice(batches, _DRAWN_BATCHES):
        pictures += draw_batch(batch, label_map)
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draw.contact_sheet(pictures).save(path)
    return pictures


def draw_batch(batch, label_map):
    """A list of uint8 [h, w, 3] pictures of a batch's images, boxes and masks."""
    pictures = []
    for i, image in enumerate(batch["image"].numpy()):
        height, width = batch["true_shape"][i].numpy()
        valid = batch["valid"][i].numpy()
        classes = batch["classes"][i].numpy()[valid]
        names = [label_map.name(c + 1) for c in classes]
        if "ignored" in batch:
            ignored = batch["ignored"][i].numpy()[valid]
            names = [
                f"{name} (ignored)" if is_ignored else name
                for name, is_ignored in zip(names, ignored, strict=True)
            ]
        masks = None
        if "masks" in batch:
            masks = batch["masks"][i].numpy()[valid][:, :height, :width]
        pictures.append(
            draw.draw_boxes(
                np.clip(image[:height, :width], 0, 255).astype(np.uint8),
                batch["boxes"][i].numpy()[valid],
                names,
                classes,
                masks,
            )
        )
    return pictures
