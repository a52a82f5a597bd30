"""What each stage of a cell does, one method a stage; needs TensorFlow."""

import functools
import shutil

import tensorflow as tf
from absl import logging

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.core.variables import named_variables
from od_api.engines.artefacts import FLOAT32, SAVED_MODEL
from od_api.export import export
from od_api.exporting import saved_models
from od_api.inference.finders import finder
from od_api.study.measure import coco_results, machine
from od_api.study.measure.evaluation_images import EvaluationImages
from od_api.study.measure.timed_artefact import measured
from od_api.study.measure.timings import timing_images
from od_api.study.run.cache import write_json
from od_api.study.run.study_data import FEW_SCENES, data_overrides, synthetic_images
from od_api.train import train

# In a ResNet: of the first batch norm, and of the last one of each block.
_SCALES_THAT_BEGIN_SMALL, _SMALL = ("/conv1_bn/gamma", "_3_bn/gamma"), 0.01


class Work:
    """The stages of one cell; each returns its part of result.json.

    Args:
      stages: CellStages.
    """

    def __init__(self, stages):
        logging.set_verbosity(logging.INFO)
        self.stages = stages

    def train(self):
        """Trains, from the last checkpoint if there is one, and does not evaluate."""
        if self.stages.settings.random_weights:
            return self._random_weights()
        config = self._config(training=True)
        done = train(config, self.stages.trained, evaluate_on_the_way=False)
        return {"training": {"steps": done.step, "ended": done.reason}}

    def _random_weights(self):
        """A checkpoint of the detector as it was built, always the same one.

        But for ResNets, whose pixels and residual branches begin small (Goyal et al.,
        2017, section 5.1): nothing was trained, batch norm does not normalise, and
        activations would grow with each of 33 blocks until boxes are infinite.
        """
        config = self.stages.config((), training=True)
        tf.keras.utils.set_random_seed(0)
        detector, _ = detector_for_inference(config)
        weights = named_variables(detector.parts)
        for name, weight in weights.items():
            if name.endswith(_SCALES_THAT_BEGIN_SMALL):
                weight.assign(_SMALL * weight)
        averaged = config.train_config.optimizer.use_moving_average
        step = tf.Variable(0, dtype=tf.int64)
        ema = weights if averaged else None
        Checkpoints(self.stages.trained, step=step, model=weights, ema=ema).save()
        return {"training": {"steps": 0, "ended": "random weights"}}

    def export(self):
        """Exports the newest checkpoint; takes a model that exists as it is."""
        if self.stages.settings.models:
            if self.stages.cell.engine == SAVED_MODEL:
                saved_models.saved_model_dir(self.stages.exported)
            return {}
        folder, cell = self.stages.folder / "export", self.stages.cell
        shutil.rmtree(folder, ignore_errors=True)
        config = self._config(training=False)
        export(
            config,
            self.stages.trained,
            folder,
            model_format=cell.engine,
            precision=cell.inference_precision or FLOAT32,
        )
        # Weights and model are there once; a study has many cells.
        for twice in ("serving", "checkpoint"):
            shutil.rmtree(folder / twice, ignore_errors=True)
        return {}

    def evaluate(self):
        """COCO metrics of the exported model, or of results that exist already."""
        path = self.stages.given_detections
        if path is not None:
            results = coco_results.read_results(path)
        else:
            find = finder(self.stages.exported).find
            results = coco_results.detect_all(find, self._images)
        measured = self._measure(results)
        write_json(self.stages.folder / "detections.json", results)
        label_map = self._images.label_map
        truth = coco_results.coco_annotations(self._images, label_map)
        write_json(self.stages.root / "groundtruth.json", truth)
        return measured

    def time(self):
        """Latency, throughput, memory, and what they were measured on."""
        # First of all, since the peak of memory is that of this process.
        benchmark = self._benchmark
        described = machine.describe()
        return {
            **benchmark.memory(),
            "latency": benchmark.latency(),
            "throughput": benchmark.throughput(self.stages.settings.batch_sizes),
            "machine": described,
        }

    def proposals(self):
        """Accuracy, of trained models, and time with fewer proposals."""
        counts = self.stages.proposal_counts
        is_trained = not self.stages.settings.random_weights
        maps = self._maps_with_proposals(counts) if is_trained else {}
        rows = [
            {
                "num_proposals": count,
                "mAP": maps.get(count),
                "median_ms": self._benchmark.median_with_proposals(count),
            }
            for count in counts
        ]
        return {"by_num_proposals": rows}

    def count(self):
        """Parameters, multiply-adds, size on disk."""
        return self._benchmark.counts()

    def _maps_with_proposals(self, counts):
        """{number of proposals: mAP}."""
        signature, maps = self._with_proposals(), {}
        for count in counts:
            find = functools.partial(
                saved_models.run_batch, signature, num_proposals=tf.constant(count)
            )
            results = coco_results.detect_all(find, self._images)
            accuracy = self._measure(results)["accuracy"]
            maps[count] = accuracy["DetectionBoxes_Precision/mAP"]
        return maps

    def _config(self, *, training):
        return self.stages.config(self._data, training=training)

    @functools.cached_property
    def _data(self):
        if self.stages.settings.random_weights:
            return ()
        return data_overrides(self.stages.root, self.stages.scenes)

    @functools.cached_property
    def _images(self):
        return EvaluationImages(self._config(training=False))

    @functools.cached_property
    def _benchmark(self):
        settings, side = self.stages.settings, self.stages.cell.resolution
        if settings.random_weights:
            images = synthetic_images(side, min(settings.num_images, FEW_SCENES))
        else:
            images = self._images.pixels(settings.num_images)
        squares = timing_images(images, side, settings.num_images)
        exported, threads = self.stages.exported, settings.threads
        return measured(exported, squares, settings.warm_up, threads)

    def _with_proposals(self):
        """The signature that takes their number."""
        folder = saved_models.saved_model_dir(self.stages.exported)
        self._model = saved_models.load(folder)
        name = "num_proposals"
        return saved_models.signature_of(self._model, folder, name, [name])

    def _measure(self, results):
        images = self._images
        return coco_results.measure(results, images, images.label_map, images.settings)
