"""What one `od-api study run` was asked to do, in a form that other processes take."""

import json
import pathlib
from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.system.threads import check_threads

# In the order in which they run; each needs what stands before it in NEEDS.
STAGES = ("train", "export", "evaluate", "time", "proposals", "count")
NEEDS = {
    "train": (),
    "export": ("train",),
    "evaluate": ("export",),
    "time": ("export",),
    "proposals": ("export",),
    "count": ("export",),
}


class RunSettings(NamedTuple):
    """The arguments of a run.

    Attributes:
      grid: path of the grid file.
      results: folder of everything that the run writes.
      overrides: settings of every cell, "path.to.field=value".
      stages: names out of STAGES; what they need is done, too.
      num_images: how many images are timed.
      warm_up: how many run before.
      batch_sizes: of the throughput.
      models: folder of exported models, <cell>/saved_model, instead of train and
        export; None without.
      detections: folder of COCO result files, <cell>.json or <cell>/detections.json,
        instead of running the model over the evaluation's images; None without.
      random_weights: does not train, nor evaluate: for times and counts without data.
        What is timed are synthetic scenes then.
      threads: of one call, where time is measured; None: as many as there are cores.
    """

    grid: str
    results: str
    overrides: tuple = ()
    stages: tuple = STAGES
    num_images: int = 500
    warm_up: int = 10
    batch_sizes: tuple = (2, 8)
    models: str | None = None
    detections: str | None = None
    random_weights: bool = False
    threads: int | None = None

    def checked(self):
        """These settings.

        Raises:
          UserError: values that cannot be.
        """
        for stage in self.stages:
            if stage not in STAGES:
                raise UserError(
                    f"there is no stage {stage!r}; they are {', '.join(STAGES)}"
                )
        smallest = min(self.num_images, *self.batch_sizes, self.warm_up + 1)
        if smallest < 1 or not self.stages:
            raise UserError(
                "the number of images and the batch sizes are 1 or more, the warm-up "
                "is 0 or more, and there is at least one stage"
            )
        check_threads(self.threads)
        for folder in (self.models, self.detections):
            if folder and not pathlib.Path(folder).is_dir():
                raise UserError(f"{folder}: no such folder")
        return self

    def to_json(self):
        return json.dumps(self._asdict())

    @classmethod
    def from_json(cls, text):
        """The settings that `to_json` wrote."""
        values = json.loads(text)
        lists = ("overrides", "stages", "batch_sizes")
        return cls(**values | {name: tuple(values[name]) for name in lists})
