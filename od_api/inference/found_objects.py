"""The objects that were found in one image, as NumPy arrays, and what they become."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.pictures import draw, rle
from od_api.pictures.image_files import read_image
from od_api.system.extras import needed

if TYPE_CHECKING:
    import numpy.typing as npt

_SHOWN = 5


class Detections:
    """Objects in one image, the most certain first unless they were put otherwise.

    `len`, iteration and indexing go by objects: a number, a slice, a list of numbers or
    of bools gives the Detections of those: `found[found.scores > 0.7]`,
    `found[found.names == "cat"]`.

    Attributes:
      boxes: float32 [N, 4]: ymin, xmin, ymax, xmax in pixels of the image, upright.
      scores: float32 [N], 0..1.
      classes: int64 [N], the label map's ids, from 1 up.
      names: str [N].
      height, width: of the image.
      path: of the image's file; None of one that had none.
    """

    def __init__(
        self,
        boxes: npt.ArrayLike,
        scores: npt.ArrayLike,
        classes: npt.ArrayLike,
        names: npt.ArrayLike,
        *,
        size: tuple[int, int],
        mask_codes: list[dict[str, Any]] | None = None,
        pixels: npt.NDArray[np.uint8] | None = None,
        path: pathlib.Path | None = None,
    ) -> None:
        """Args: as the attributes, and
        size: (height, width).
        mask_codes: N run-length codes, as COCO's; None without masks.
        pixels: uint8 [height, width, 3]; None where the file is to be read for them.
        """
        self.boxes: npt.NDArray[np.float32] = np.asarray(boxes, np.float32)
        self.scores: npt.NDArray[np.float32] = np.asarray(scores, np.float32)
        self.classes: npt.NDArray[np.int64] = np.asarray(classes, np.int64)
        self.names: npt.NDArray[np.str_] = np.asarray(names, np.str_)
        self.height, self.width = size
        self.path = path
        self._codes = None if mask_codes is None else list(mask_codes)
        self._pixels = pixels

    @property
    def masks(self) -> npt.NDArray[np.bool_] | None:
        """[N, height, width], true on the objects; None of a model without masks.

        They are kept as run lengths and made anew each time.
        """
        if self._codes is None:
            return None
        if not self._codes:
            return np.zeros([0, self.height, self.width], bool)
        return rle.decode(self._codes).astype(bool)

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """uint8 [height, width, 3], upright; read anew where it came from a file.

        Raises:
          UserError: the file is gone.
        """
        if self._pixels is not None:
            return self._pixels
        if self.path is None:
            raise UserError("these detections came without their image")
        pixels: npt.NDArray[np.uint8] = read_image(self.path)
        return pixels

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: Any) -> Detections:
        if isinstance(which, int | np.integer):
            if not -len(self) <= which < len(self):
                raise IndexError(f"there are {len(self)} detections, not {which}")
            which = [which]
        rows = np.arange(len(self))[which]
        codes = self._codes
        return Detections(
            self.boxes[rows],
            self.scores[rows],
            self.classes[rows],
            self.names[rows],
            size=(self.height, self.width),
            mask_codes=None if codes is None else [codes[i] for i in rows],
            pixels=self._pixels,
            path=self.path,
        )

    def __iter__(self) -> Iterator[Detections]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        pairs = zip(self.names[:_SHOWN], self.scores[:_SHOWN], strict=True)
        shown = [f"{printable(name)} {score:.2f}" for name, score in pairs]
        more = [f"{len(self) - _SHOWN} more"] if len(self) > _SHOWN else []
        where = f"{self.height}x{self.width}"
        if self.path is not None:
            where = f"{printable(self.path)}, {where}"
        return f"<Detections in {where}: {', '.join(shown + more) or 'none'}>"

    def draw(self, max_boxes: int | None = None) -> Image.Image:
        """The image with boxes, names and scores on it, and masks in their colours.

        An image whose sides are below 400 pixels is magnified, so that one can read.

        Args:
          max_boxes: so many of the first ones; None: all.
        """
        best = self[:max_boxes]
        pairs = zip(best.names, best.scores, strict=True)
        labels = [f"{printable(name)} {score:.2f}" for name, score in pairs]
        masks = rle.decode(best._codes) if best._codes else None
        pixels = draw.draw_boxes(
            self.image, best.boxes, labels, best.classes - 1, masks
        )
        return Image.fromarray(pixels)

    def to_coco(self, image_id: int | str = 1) -> list[dict[str, Any]]:
        """COCO results: bbox is x, y, width, height in pixels.

        Args:
          image_id: of the image in its data set.
        """
        results = []
        rows = zip(self.boxes.tolist(), self.scores, self.classes, strict=True)
        for (ymin, xmin, ymax, xmax), score, class_id in rows:
            box = [xmin, ymin, xmax - xmin, ymax - ymin]
            results.append(
                {
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "bbox": [round(value, 3) for value in box],
                    "score": round(float(score), 6),
                }
            )
        for result, code in zip(results, self._codes or (), strict=False):
            result["segmentation"] = code
        return results

    def to_supervision(self) -> Any:
        """The same as `supervision.Detections`.

        xyxy in pixels, confidence, class_id (the label map's ids), mask, and the names
        as data["class_name"].

        Raises:
          UserError: the package supervision is not installed.
        """
        supervision = needed("supervision", extra="supervision")
        return supervision.Detections(
            xyxy=self.boxes[:, [1, 0, 3, 2]],
            confidence=self.scores,
            class_id=self.classes,
            mask=self.masks,
            data={"class_name": self.names},
        )
