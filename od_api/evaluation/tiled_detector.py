"""A detector over images of their full size, as evaluation uses one."""

import numpy as np
import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.errors import UserError
from od_api.core.shapes import scale_between
from od_api.core.types import Detections
from od_api.resizers.identity_resizer import IdentityResizer
from od_api.tiles.tile_merging import TileMerging
from od_api.tiles.tiled_images import TiledImages


class TiledDetector:
    """Sees the images in their files' sizes, tile by tile.

    Args:
      detector: a Detector; it gets each tile as its resizer makes it.
      tiling: Tiling.
      at_once: tiles that it gets together.

    Attributes:
      resizer, num_classes: what batches of evaluation are made by.

    Raises:
      UserError: the detector finds no boxes, or its suppression cannot merge tiles.
    """

    def __init__(self, detector, tiling, at_once=1):
        if not detector.finds_boxes:
            raise UserError("--tiles merges boxes, and this model finds none")
        self.resizer = IdentityResizer()
        self.num_classes = detector.num_classes
        self._detector = detector
        merging = TileMerging(detector.postprocess.selection)
        self._images = TiledImages(self._find, tiling, merging, at_once)
        tiles = tf.TensorSpec([None, None, None, 3], tf.float32)
        self._run = tf.function(self._detect, input_signature=[tiles], autograph=False)

    def predict(self, batch, progress=None):
        """Detections of a batch of evaluation, in pixels of the images."""
        pixels = batch["image"].numpy()
        found = [
            self._images(image[:height, :width], progress)
            for image, (height, width) in zip(
                pixels, batch["true_shape"].numpy(), strict=True
            )
        ]
        return as_detections(found)

    def _find(self, tiles):
        """[n, h, w, 3] -> a dict of arrays for each; of masks only if there are."""
        found = self._run(tf.constant(tiles))
        named = {"boxes": found.boxes, "scores": found.scores, "classes": found.classes}
        if found.masks is not None:
            named["masks"] = found.masks
        return [
            {name: rows[i, :count].numpy() for name, rows in named.items()}
            for i, count in enumerate(found.count.numpy())
        ]

    def _detect(self, tiles):
        resizer = self._detector.resizer
        height, width = resizer.output_shape or (None, None)
        specs = (
            tf.TensorSpec([height, width, 3], tf.float32),
            tf.TensorSpec([2], tf.int32),
        )
        images, true_shapes = tf.map_fn(resizer, tiles, fn_output_signature=specs)
        shape = tf.shape(tiles)[1:3]
        known = {"scale": scale_between(shape, true_shapes)}
        further = {name: known[name] for name in self._detector.reads}
        found = self._detector.detect(
            self._detector.call(images, true_shapes, **further)
        )
        ratio = tf.cast(shape, tf.float32) / tf.cast(true_shapes, tf.float32)
        boxes = box_ops.scale(found.boxes, ratio[:, :1], ratio[:, 1:])
        return found._replace(boxes=boxes)


def as_detections(found):
    """Dicts of the images of a batch as Detections, padded to the fullest one.

    Args:
      found: dicts of arrays: boxes [N, 4], scores, classes from 0, perhaps masks.
    """
    most = max(1, *(len(one["scores"]) for one in found))

    def padded(name, kind):
        rows = [np.asarray(one[name], kind) for one in found]
        return tf.constant(
            np.stack(
                [
                    np.pad(x, [(0, most - len(x)), *[(0, 0)] * (x.ndim - 1)])
                    for x in rows
                ]
            )
        )

    return Detections(
        boxes=padded("boxes", np.float32),
        scores=padded("scores", np.float32),
        classes=padded("classes", np.int32),
        count=tf.constant([len(one["scores"]) for one in found]),
        anchor_indices=tf.zeros([len(found), most], tf.int32),
        masks=padded("masks", np.float32) if "masks" in found[0] else None,
    )
