"""A grid small enough to be run inside a test."""

import json

import tiny

GRID = """
synthetic_scenes { training_images: 6 evaluation_images: 3 size: 96 }
set: "train_config.num_steps=2"
blocks {
  meta_architecture: "ssd"
  extractor: "mobilenet_v1"
  config: "tiny.config"
  resolution: [96]
}
"""


def write_grid(folder, text=GRID):
    """Writes the grid and its config; returns the grid's path."""
    (folder / "tiny.config").write_text(tiny.CONFIG)
    path = folder / "tiny.grid"
    path.write_text(text)
    return path


def result_of(results, name):
    return json.loads((results / name / "result.json").read_text())
