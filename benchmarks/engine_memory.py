"""Memory to load and run one detector in each engine, beside TensorFlow's SavedModel.

    python benchmarks/engine_memory.py CONFIG RUN --name NAME \
        --output benchmarks/engine_memory.json

exports the checkpoint in RUN in every form of FORMS to a temporary folder, loads each
in fresh processes, as `od-api benchmark` does, and runs a few noisy images of the
config's size. `own_bytes` is the peak of the resident set less what was there before
the model (with TensorFlow and its first operation, or without any engine),
`process_bytes` the peak of the whole process, engine and Python included; medians of
the rounds, and each round. The table of docs/speed.md is made from the record; it is
printed, too.
"""

import argparse
import importlib.metadata
import json
import pathlib
import statistics
import tempfile

import numpy as np

from od_api import load_config
from od_api.core.registry import build_field
from od_api.export import export
from od_api.study.measure import machine
from od_api.study.measure.side_by_side import side_by_side

# (format, precision); the first one is what the others are compared with.
FORMS = (
    ("saved_model", "float32"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("litert", "float32"),
)
ENGINES = {
    "saved_model": "TensorFlow",
    "onnx": "ONNX Runtime",
    "openvino": "OpenVINO",
    "litert": "LiteRT",
}
PACKAGES = ("tensorflow", "onnxruntime", "openvino", "ai-edge-litert")
IMAGES = 8
_MEASURED = {"own_bytes": "peak_memory_bytes", "process_bytes": "process_peak_bytes"}


def exported(config, run, folder):
    """{form: path} of exports of a checkpoint."""
    paths = {}
    for model_format, precision in FORMS:
        path = folder / f"{model_format}_{precision}"
        options = {"model_format": model_format, "precision": precision}
        export(config, run, path, **options)
        paths[model_format, precision] = path
    return paths


def measured(paths, side, rounds):
    """[{"format", "precision", "own_bytes", "process_bytes", "rounds"}].

    Args:
      paths: as of `exported`.
      side: of the square images, pixels.
      rounds: each has a fresh process for each model.
    """
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (IMAGES, side, side, 3), np.uint8))
    settings = {"side": side, "num_images": IMAGES, "warm_up": 3}
    found = [side_by_side(paths.values(), images, **settings) for _ in range(rounds)]
    rows = []
    for i, (model_format, precision) in enumerate(paths):
        each = {
            name: [rows_of[i][key] for rows_of in found]
            for name, key in _MEASURED.items()
        }
        medians = {name: statistics.median(values) for name, values in each.items()}
        row = {"format": model_format, "precision": precision, **medians}
        rows.append({**row, "rounds": each})
    return rows


def markdown(record):
    """The table of a record, with the share of the first row's."""
    lines = [
        f"| {record['name']} | to load and run | of TensorFlow's | whole process "
        "| of TensorFlow's |",
        "| --- | --- | --- | --- | --- |",
    ]
    first = record["rows"][0]
    for row in record["rows"]:
        cells = [f"{ENGINES[row['format']]}, {row['precision']}"]
        for name in _MEASURED:
            cells.append(f"{row[name] / 1e6:.0f} MB")
            cells.append(f"{row[name] / first[name]:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _side(config):
    """Of the network's square input."""
    model = getattr(config.model, config.model.WhichOneof("model"))
    height, width = build_field(model, "image_resizer").output_shape
    return max(height, width)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config")
    parser.add_argument("run")
    parser.add_argument("--name", required=True, help="of the network, for the table")
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    config = load_config(args.config)
    with tempfile.TemporaryDirectory() as folder:
        paths = exported(config, args.run, pathlib.Path(folder))
        rows = measured(paths, _side(config), args.rounds)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    record = {"name": args.name, "machine": machine.describe(), "engines": versions}
    record["rows"] = rows
    args.output.write_text(json.dumps(record, indent=1) + "\n")
    print(markdown(record))


if __name__ == "__main__":
    main()
