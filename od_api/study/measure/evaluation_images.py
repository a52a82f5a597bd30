"""The evaluation images of a config with their ground truth, in their own size."""

from typing import NamedTuple

import numpy as np

from od_api.data.inputs import EvaluationInput, num_classes_of
from od_api.data.order import Part
from od_api.data.pipeline import make_dataset
from od_api.data.preparation import Recipe
from od_api.metrics.per_image import COLUMNS
from od_api.resizers.identity_resizer import IdentityResizer

# Of an id that is a number.
_DIGITS = 19


class EvaluationImage(NamedTuple):
    """One image.

    Attributes:
      image_id: int, as in groundtruth.json.
      pixels: uint8 [h, w, 3].
      groundtruth: what the evaluators of od_api/metrics take, boxes in pixels.
    """

    image_id: int
    pixels: np.ndarray
    groundtruth: dict


class EvaluationImages:
    """The images of a config's first eval_input_reader, as often as they are iterated.

    Their ids are the records' source ids where all of these are different positive
    numbers, as COCO's are, and else 1, 2, 3, ... in the order of the records.

    Args:
      config: TrainEvalPipelineConfig whose records exist.

    Attributes:
      label_map: LabelMap.
      settings: EvalConfig.

    Raises:
      UserError: no records.
    """

    def __init__(self, config):
        source = EvaluationInput(config, 0)
        source.check()
        self.label_map, self.settings = source.label_map, config.eval_config
        recipe = Recipe(IdentityResizer(), num_classes_of(config), self.label_map)
        self._batches = make_dataset(
            config.eval_input_reader[0],
            recipe,
            batch_size=1,
            training=False,
            part=Part(seed=0),
        )
        self._guarded = source.guarded
        self._numbers = None

    def __iter__(self):
        if self._numbers is None:
            self._numbers = self._find_numbers()
        rows = zip(self._numbers, self._guarded(self._batches), strict=True)
        for number, batch in rows:
            batch = {name: value[0].numpy() for name, value in batch.items()}
            truth = {name: batch[name][batch["valid"]] for name in COLUMNS}
            yield EvaluationImage(number, batch["image"].astype(np.uint8), truth)

    def pixels(self, limit):
        """The pixels of the first `limit` images."""
        found = []
        for batch in self._guarded(self._batches.take(limit)):
            found.append(batch["image"][0].numpy().astype(np.uint8))
        return found

    def _find_numbers(self):
        names = [b["source_id"][0].numpy() for b in self._guarded(self._batches)]
        if all(n.isdigit() and len(n) < _DIGITS and int(n) > 0 for n in names):
            numbers = [int(name) for name in names]
            if len(set(numbers)) == len(numbers):
                return numbers
        return list(range(1, len(names) + 1))
