"""Our side: the same twenty steps from the old weights, compared with the old losses.

    python benchmarks/twenty_steps/our_side.py FOLDER [--record JSON] [NAME ...]

Reads what `old_side.py` left in FOLDER. The weights come in by `od-api
import-checkpoint`'s code, and the steps are those of `od-api train`.
"""

import argparse
import json
import pathlib
import tempfile

import batches
import numpy as np
import tensorflow as tf

from od_api.config.loading import load_config
from od_api.import_checkpoint import import_checkpoint
from od_api.training.state import TrainingState


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--record", type=pathlib.Path)
    args = parser.parse_args()
    found = sorted(path.parent.name for path in args.folder.glob("*/losses.json"))
    runs = {}
    for name in args.names or found:
        runs[name] = run(args.folder / name)
        print(name, runs[name]["largest_difference"], flush=True)
        if args.record:
            args.record.write_text(json.dumps(runs, indent=1) + "\n")


def run(folder):
    """{old: [{loss: number}], ours: the same, largest_difference: of all}."""
    old = json.loads((folder / "losses.json").read_text())
    with tempfile.TemporaryDirectory() as out:
        config = load_config(folder / "pipeline.config")
        imported = pathlib.Path(out) / "imported"
        import_checkpoint(config, folder / "begin", imported)
        config = load_config(imported / "pipeline.config")
        config.train_config.fine_tune_checkpoint = str(imported)
        config.train_config.fine_tune_checkpoint_type = "full"
        ours = trained(config, pathlib.Path(out) / "run")
    ours = [
        {name: one[name] for name in before}
        for before, one in zip(old, ours, strict=True)
    ]
    worst = [
        max(difference(before[name], one[name]) for name in before)
        for before, one in zip(old, ours, strict=True)
    ]
    return {
        "largest_difference": max(worst),
        "largest_difference_of_each_step": worst,
        "old": old,
        "ours": ours,
    }


def difference(old, ours):
    """Of two losses: absolute for small ones, relative for large ones."""
    return abs(old - ours) / max(1.0, abs(old))


def trained(config, model_dir):
    """The losses of each step."""
    state = TrainingState(config, model_dir, tf.distribute.get_strategy())
    kind = config.model.WhichOneof("model")
    size = getattr(config.model, kind).image_resizer.fixed_shape_resizer
    losses = []
    for images, boxes, classes, weights in batches.batches(size.height, size.width):
        shape = np.float32([size.height, size.width] * 2)
        found = state.take_step(
            {
                "image": tf.constant(images),
                "true_shape": tf.constant([[size.height, size.width]] * len(images)),
                "boxes": tf.constant(boxes * shape),
                "classes": tf.constant(classes),
                "weights": tf.constant(weights),
                "valid": tf.constant(weights > 0),
            }
        )
        losses.append({name: float(value) for name, value in found.items()})
    return losses


if __name__ == "__main__":
    main()
