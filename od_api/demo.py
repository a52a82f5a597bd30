"""The whole way on synthetic scenes: data, training, evaluation, export, detection."""

import pathlib
import shutil
import time

from absl import logging

from od_api import load_config
from od_api.data.synthetic import synth
from od_api.detect import detect
from od_api.export import export
from od_api.system.durations import duration
from od_api.train import train

_TRAIN_IMAGES = 2000
_HELD_OUT_IMAGES = 200
_PICTURES = 24
# The other metrics are in the report.
_SHOWN = {
    "DetectionBoxes_Precision/mAP": "mAP@[.5:.95] on held-out scenes",
    "DetectionBoxes_Precision/mAP@.50IOU": "mAP@.5",
}


def demo(config_path, output_dir, overrides=()):
    """Runs every step from nothing and says where the results are.

    Args:
      config_path: a config whose label map and records are replaced by synthetic ones.
      output_dir: directory to create; one that exists is used again, so that a demo
        that was interrupted goes on where it was.
      overrides: as for `load_config`.

    Returns:
      The metrics on the held-out scenes.
    """
    started = time.monotonic()
    output = pathlib.Path(output_dir)
    data = make_scenes(output / "data")
    config = load_config(config_path, [*overrides, *scene_paths(data)])
    result = train(config, output / "model")
    metrics = result.metrics
    shutil.rmtree(output / "export", ignore_errors=True)
    export(config, output / "model", output / "export")
    pictures = sorted((data / "held_out" / "images").glob("*.jpg"))[:_PICTURES]
    detect(output / "export", pictures, output / "detections")
    _tell(output, metrics, time.monotonic() - started)
    return metrics


def make_scenes(directory):
    """Makes training and held-out scenes unless they are there; returns the folder."""
    splits = {"train": (_TRAIN_IMAGES, 1), "held_out": (_HELD_OUT_IMAGES, 2)}
    for split, (images, seed) in splits.items():
        if not (directory / split).exists():
            logging.info("making %d synthetic scenes (%s)", images, split)
            synth.generate_records(
                directory / split,
                num_images=images,
                seed=seed,
                split=split,
                difficulty="easy",
            )
    return directory


def scene_paths(data):
    """Overrides that point a config at the scenes of `make_scenes`."""
    return [
        f"train_input_reader.label_map_path={data}/train/label_map.pbtxt",
        "train_input_reader.tf_record_input_reader.input_path="
        f'["{data}/train/scenes.record-*"]',
        f"eval_input_reader.label_map_path={data}/held_out/label_map.pbtxt",
        "eval_input_reader.tf_record_input_reader.input_path="
        f'["{data}/held_out/scenes.record-*"]',
    ]


def _tell(output, metrics, seconds):
    output = output.resolve()
    print(f"\nDone in {duration(seconds)}.")
    for name, title in _SHOWN.items():
        if name in metrics:
            print(f"  {title:<32} {metrics[name]:.3f}")
    print(
        f"  annotated pictures               {output / 'detections'}\n"
        f"  SavedModel                       {output / 'export' / 'saved_model'}\n"
        f"  TF Serving directory             {output / 'export' / 'serving'}\n"
        f"  evaluation report                {output / 'model' / 'eval'}\n"
        f"  TensorBoard logs                 {output / 'model'}\n"
    )
