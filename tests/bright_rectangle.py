"""A model that finds the bright rectangle, and an image that has one."""

import numpy as np
import tensorflow as tf

from od_api.data.label_map import LabelMap

# ymin, xmin, ymax, xmax of the rectangle in the 40x60 test image, in pixels.
BOX = (5, 10, 25, 50)


class BrightRectangle(tf.Module):
    """The old API's outputs: the box around pixels of 200 and more, and two others.

    Scores .9, .6 and .3, classes 2, 1 and 1. Class 2 in the first place.
    """

    def __init__(self, label_map=None, dtype=tf.uint8, masks=None):
        super().__init__()
        self.masks = masks
        if label_map:
            self.label_map = tf.saved_model.Asset(str(label_map))
        spec = tf.TensorSpec([None, None, None, 3], dtype, "input_tensor")
        self.found = tf.function(self._found, input_signature=[spec])

    def _found(self, input_tensor):
        boxes = tf.map_fn(self._boxes, input_tensor, fn_output_signature=tf.float32)
        several = [tf.shape(input_tensor)[0], 1]
        outputs = {
            "detection_boxes": boxes,
            "detection_scores": tf.tile([[0.9, 0.6, 0.3, 0.0]], several),
            "detection_classes": tf.tile([[2.0, 1.0, 1.0, 1.0]], several),
            "num_detections": tf.tile([3.0], several[:1]),
        }
        if self.masks is not None:
            outputs["detection_masks"] = tf.tile(self.masks, [*several, 1, 1])
        return outputs

    def _boxes(self, image):
        bright = tf.reduce_all(image >= 200, axis=-1)
        size = tf.cast(tf.shape(bright), tf.float32)
        where = tf.cast(tf.where(bright), tf.float32)
        low, high = tf.reduce_min(where, 0) / size, (tf.reduce_max(where, 0) + 1) / size
        box = tf.concat([low, high], axis=0)
        return tf.stack([box, box / 2, box / 4, tf.zeros(4)])


def save_model(folder, **options):
    label_map = folder.parent / "label_map.pbtxt"
    LabelMap.from_names(["cat", "dog"]).save(label_map)
    module = BrightRectangle(label_map, **options)
    tf.saved_model.save(
        module, str(folder), signatures={"serving_default": module.found}
    )
    return folder


def scene(dtype=np.uint8, bright=255):
    """40x60 pixels of 50, and a rectangle of `bright`."""
    pixels = np.full([40, 60, 3], bright // 5, dtype)
    pixels[BOX[0] : BOX[2], BOX[1] : BOX[3]] = bright
    return pixels
