"""What an exported model finds in the images of an evaluation."""

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.evaluation.readers import refuse_without_masks
from od_api.evaluation.tiled_detector import as_detections
from od_api.metrics.per_image import per_image
from od_api.resizers.identity_resizer import IdentityResizer


class ExportDetections:
    """An exported model over the images, which it sees in the sizes of their files.

    Args:
      detector: LoadedDetector.
      engine: what runs it, for what is printed.
      num_classes: K of the config's model.

    Attributes:
      finds_boxes, resizer, num_classes, name, saves: as of GivenDetections.
    """

    finds_boxes, saves = True, True

    def __init__(self, detector, engine, num_classes):
        self.resizer, self.num_classes = IdentityResizer(), num_classes
        self.name = f"exported model ({engine})"
        self._detector = detector

    def refuse_classes(self, label_maps):
        """Raises UserError where the model calls a class otherwise than a label map."""
        model = printable(self._detector.path)
        for label_map in label_maps:
            theirs = dict(zip(label_map.ids, label_map.names, strict=True))
            for class_id, name in self._detector.names.items():
                if class_id in theirs and theirs[class_id] != name:
                    raise UserError(
                        f"class {class_id} of the model {model} is "
                        f"{printable(name)}, but {printable(theirs[class_id])} in "
                        f"{printable(label_map.path)}: it was trained for other classes"
                    )

    def images(self, batch, with_masks, progress=None):
        """As `per_image`, of a batch of evaluation.

        Raises:
          UserError: the model fails on an image.
          ConfigError: masks are measured, and the model finds none.
        """
        found = as_detections(
            [
                self._found(pixels[:height, :width], progress)
                for pixels, (height, width) in zip(
                    batch["image"].numpy(), batch["true_shape"].numpy(), strict=True
                )
            ]
        )
        if with_masks:
            refuse_without_masks(found)
        return per_image(batch, found, with_masks)

    def finish(self):
        """Nothing is left over."""

    def _found(self, pixels, progress):
        image = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)[None]
        (found,) = self._detector.rows(image, "an image of the records", progress)
        return {**found, "classes": found["classes"] - 1}
