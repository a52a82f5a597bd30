"""The stages of one cell: what each depends on, and whether it is done.

Nothing here needs TensorFlow: a run that has nothing left to do says so at once. What
the stages do is in `stage_process.py`.

    RESULTS/data/                         synthetic scenes
    RESULTS/trained/<model>.<key>/        checkpoints; cells that differ in proposals
                                          share them
    RESULTS/<cell>/stages/<stage>.json    what the stage gave, and its key
    RESULTS/<cell>/export/saved_model/    what is evaluated, timed and counted; or
                                          model.onnx or the like
    RESULTS/<cell>/detections.json, result.json, log.txt
    RESULTS/groundtruth.json
"""

import contextlib
import functools
import os
import pathlib

from google.protobuf import text_format

from od_api.core.errors import UserError
from od_api.engines.artefacts import ENGINES, SAVED_MODEL
from od_api.protos import train_pb2
from od_api.study.grid.grid import load_grid, scenes_of
from od_api.study.run.cache import StageCache, key_of, write_json
from od_api.study.run.run_settings import NEEDS, STAGES
from od_api.study.run.study_data import data_settings

# The useful numbers of proposals (section 4.3 of the specification).
PROPOSAL_COUNTS = (10, 20, 50, 100, 300)


def load_study(settings):
    """{name: CellStages} of all the cells of the grid."""
    cells = load_grid(settings.grid, settings.overrides)
    scenes = scenes_of(settings.grid)
    most = {}
    for cell in cells.values():
        most[cell.trained_name] = max(most.get(cell.trained_name, 0), cell.proposals)
    return {
        name: CellStages(cell, settings, scenes, most[cell.trained_name])
        for name, cell in cells.items()
    }


class CellStages:
    """One cell within a run.

    Args:
      cell: Cell.
      settings: RunSettings.
      scenes: SyntheticScenes to make, or None.
      most_proposals: of the cells that share the trained model. The cell that has
        them is also measured with fewer.
    """

    def __init__(self, cell, settings, scenes, most_proposals):
        self.cell, self.settings, self.scenes = cell, settings, scenes
        self._most_proposals = most_proposals
        self.root = pathlib.Path(settings.results)
        self.folder = self.root / cell.name

    @functools.cached_property
    def stages(self):
        """Names of the stages that this run does here, in order."""
        wanted = {s for s in self.settings.stages if self._applies(s)}
        for stage in reversed(STAGES):
            if stage in wanted:
                wanted.update(self._needs(stage))
        return tuple(stage for stage in STAGES if stage in wanted)

    @property
    def proposal_counts(self):
        """Numbers of proposals below the cell's own, and its own; () without them."""
        if self.cell.meta_architecture == "ssd" or self.cell.engine != SAVED_MODEL:
            return ()
        model = self._inference_config.model.faster_rcnn
        own = model.first_stage_max_proposals
        if model.number_of_stages < 2 or self.cell.proposals < self._most_proposals:
            return ()
        return tuple(sorted({c for c in PROPOSAL_COUNTS if c < own} | {own}))

    def key(self, stage):
        """The hash of everything that a stage's result depends on."""
        earlier = [self.key(need) for need in self._needs(stage)]
        return key_of(stage, earlier, self._own_inputs(stage))

    def record(self, stage):
        """{"key", "seconds", "result"} if the stage is done, else None."""
        record = self._cache(stage).get(stage, self.key(stage))
        if record and stage == "export" and not self.settings.models:
            return record if self.exported.exists() else None
        return record

    def finish(self, stage, seconds, result):
        """Records what a stage gave."""
        self._cache(stage).put(stage, self.key(stage), seconds, result)

    def to_do(self):
        """The stages that are left, in order."""
        return tuple(stage for stage in self.stages if self.record(stage) is None)

    @property
    def trained(self):
        """Folder of the checkpoints."""
        name = f"{self.cell.trained_name}.{self.key('train')[:8]}"
        return self.root / "trained" / name

    @property
    def exported(self):
        """The exported model: the folder of a SavedModel, or a file."""
        folder = self.folder / "export"
        if self.settings.models:
            folder = pathlib.Path(self.settings.models) / self.cell.name
        engine = ENGINES.get(self.cell.engine)
        return folder / (engine.file_name if engine else SAVED_MODEL)

    @property
    def given_detections(self):
        """The COCO result file that exists already, or None."""
        if not self.settings.detections:
            return None
        folder, name = pathlib.Path(self.settings.detections), self.cell.name
        for path in (folder / name / "detections.json", folder / f"{name}.json"):
            if path.is_file():
                return path
        raise UserError(f"{folder} has neither {name}.json nor {name}/detections.json")

    def config(self, data_overrides, *, training):
        """The pipeline config with the data in place."""
        settings = (*self.cell.settings, *data_overrides)
        cell = self.cell._replace(settings=settings)
        return cell.training_config() if training else cell.inference_config()

    def write_result(self, error=None):
        """Writes result.json from whatever stages are done.

        Args:
          error: {"stage", "message"} of the stage that failed, or None.
        """
        result = {"cell": self._description()}
        seconds = {}
        for stage in self.stages:
            record = None if error and stage == error["stage"] else self._done(stage)
            if record:
                result |= record["result"]
                seconds[stage] = record["seconds"]
        result |= {"stage_seconds": seconds, "error": error}
        write_json(self.folder / "result.json", result)
        return result

    def _done(self, stage):
        try:
            return self.record(stage)
        except (UserError, OSError):
            # Its inputs are not there; that is the error of another stage.
            return None

    def _applies(self, stage):
        if self.settings.random_weights and stage == "evaluate":
            return False
        if stage != "proposals":
            return True
        try:
            return len(self.proposal_counts) > 1
        except (UserError, OSError):
            # The first stage says what is wrong with the config.
            return False

    def _needs(self, stage):
        if stage == "evaluate" and self.settings.detections:
            return ()
        return () if stage == "export" and self.settings.models else NEEDS[stage]

    def _cache(self, stage):
        folder = self.trained if stage == "train" else self.folder
        return StageCache(folder / "stages")

    @functools.cached_property
    def _training_config(self):
        return self.cell.training_config()

    @functools.cached_property
    def _inference_config(self):
        return self.cell.inference_config()

    def _own_inputs(self, stage):
        """What a stage depends on besides earlier stages, as JSON values.

        Of the data: what the configs name, or how the scenes are made. The contents of
        records that somebody else made are not read.
        """
        config, settings = self._inference_config, self.settings
        scenes = data_settings(self.scenes)
        data = [scenes, [_text(reader) for reader in config.eval_input_reader]]
        timing = [settings.num_images, settings.warm_up, self.cell.resolution]
        timing += [settings.threads] * (settings.threads is not None)
        if settings.random_weights:
            data = "synthetic"
            if stage == "train":
                return ["random weights", _text(config.model)]
        if stage == "train":
            training = self._training_config
            parts = (training.model, training.train_config, training.train_input_reader)
            return [scenes, *map(_text, parts)]
        if stage == "export":
            if settings.models:
                path = self.exported
                is_file = self.cell.engine != SAVED_MODEL
                return _state_of(path if is_file else path / "saved_model.pb")
            asked = (self.cell.engine, self.cell.inference_precision)
            more = [] if asked == (SAVED_MODEL, "") else list(asked)
            return [_text(config.model), self.cell.proposals, *more]
        if stage == "evaluate":
            given = self.given_detections
            return [data, _state_of(given) if given else None]
        if stage == "time":
            return [data, timing, list(settings.batch_sizes)]
        if stage == "proposals":
            return [data, timing, list(self.proposal_counts)]
        return [self.cell.resolution]

    def _description(self):
        cell, proposals, precision = self.cell, self.cell.proposals or None, None
        # A cell whose config is wrong has a result, too: its error.
        with contextlib.suppress(UserError, OSError):
            config = self._inference_config
            if cell.meta_architecture != "ssd":
                proposals = config.model.faster_rcnn.first_stage_max_proposals
            precision = train_pb2.Precision.Name(config.train_config.precision)
        return {
            "name": cell.name,
            "meta_architecture": cell.meta_architecture,
            "feature_extractor": cell.extractor,
            "resolution": cell.resolution,
            "output_stride": cell.stride or None,
            "batch_size": cell.batch_size or None,
            "num_proposals": proposals,
            "precision": precision,
            "engine": cell.engine,
            "inference_precision": cell.inference_precision or None,
            "trained_name": cell.trained_name,
            "settings": list(self.settings.overrides),
        }


def _text(message):
    return text_format.MessageToString(message)


def _state_of(path):
    """What changes when a file does; UserError if there is none."""
    try:
        state = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    return [str(path), state.st_size, state.st_mtime_ns]
