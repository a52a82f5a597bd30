"""The guard: what moving and rebuilding code must not change.

For every config that ships: the names, order, shapes and values of the initial
weights. For six of them: the losses of the first three steps on synthetic scenes.
Keras initializers draw from one generator, so that one layer built earlier or later
changes all weights after it: equal hashes mean that the same layers are built in the
same order.

    python tests/golden/guard.py            compares with guard.json; exit status 1
                                            where anything differs
    python tests/golden/guard.py --record   writes guard.json anew
    python tests/golden/guard.py CONFIG...  those configs only, e.g. ssd_mobilenet_v1*

It takes about ten minutes on two cores and 8 GB. Hashes of values are of the bits that
one kind of processor gives; `values_near` has the mean size of the weights, which
others agree with.
"""

import argparse
import fnmatch
import gc
import glob
import hashlib
import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

import od_api
from od_api.data.synthetic.synth import generate_records

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RECORD = pathlib.Path(__file__).with_name("guard.json")
SEED = 20171
STEPS = 3
# One of each composition, each small enough for a test.
TRAINED = (
    "ssd_mobilenet_v1_fpn_192x192_demo",
    "ssd_mobilenet_v2_fpnlite_320x320_coco",
    "ssd_mobilenet_v1_weighted_sigmoid_focal",
    "small_ssd_inception_v2",
    "faster_rcnn_mobilenet_v1_192x192_demo",
    "rfcn_mobilenet_v1_192x192_demo",
)
_NEAR = 1e-4


def paths(patterns=("*",)):
    """{stem: path} of the shipped configs whose stem matches one of the patterns."""
    found = {path.stem: path for path in sorted(ROOT.glob("configs/*/*.config"))}
    return {
        stem: path
        for stem, path in found.items()
        if any(fnmatch.fnmatch(stem, pattern) for pattern in patterns)
    }


def weights_of(path):
    """What identifies the initial weights of a config: hashes, count, mean size."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(SEED)
    detector = od_api.build(od_api.load_config(path).model)
    named = [
        (f"{part}/{variable.path}", variable)
        for part, layer in detector.parts.items()
        for variable in layer.variables
    ]
    values = hashlib.sha256()
    sizes = []
    for _, variable in named:
        array = variable.numpy()
        values.update(np.ascontiguousarray(array).tobytes())
        sizes.append(float(np.abs(array.astype(np.float64)).mean()))
    shapes = [list(map(int, variable.shape)) for _, variable in named]
    return {
        "variables": len(named),
        "parameters": int(sum(np.prod(shape) for shape in shapes)),
        "names": _hash([name for name, _ in named]),
        "shapes": _hash(shapes),
        "values": values.hexdigest()[:16],
        "values_near": round(float(np.mean(sizes)), 9),
    }


def losses_of(path, scenes, num_steps=STEPS):
    """[{loss name: value}] of the first steps, in the order of training's logs."""
    reader = "train_input_reader"
    config = od_api.load_config(
        path,
        [
            "train_config.batch_size=2",
            f"train_config.seed={SEED}",
            "train_config.log_every_n_steps=1",
            "train_config.fine_tune_checkpoint=",
            f"{reader}.label_map_path={scenes}/label_map.pbtxt",
            f'{reader}.tf_record_input_reader.input_path=["{scenes}/scenes.record-*"]',
        ],
    )
    with tempfile.TemporaryDirectory() as model_dir:
        od_api.train(config, model_dir, num_steps=num_steps, evaluate_on_the_way=False)
        return _logged(model_dir, num_steps)


def make_scenes(folder):
    """Eight synthetic scenes for `losses_of`; returns the folder."""
    scenes = pathlib.Path(folder) / "scenes"
    generate_records(scenes, num_images=8, seed=7, image_size=(160, 128))
    return scenes


def differences(name, recorded, found):
    """Lines on what differs between two records of a config, values bit by bit."""
    lines = [
        f"{name}: {field} is {found.get(field)}, was {recorded.get(field)}"
        for field in sorted({*recorded, *found} - {"losses"})
        if recorded.get(field) != found.get(field)
    ]
    return lines + loss_differences(name, recorded, found)


def loss_differences(name, recorded, found):
    """Lines on losses that are not near the recorded ones, or in another order."""
    lines = []
    steps = zip(recorded.get("losses", ()), found.get("losses", ()), strict=False)
    for step, (before, now) in enumerate(steps, 1):
        if list(before) != list(now):
            lines.append(f"{name}: step {step} has {list(now)}, had {list(before)}")
            continue
        lines += [
            f"{name}: step {step}: {loss} is {now[loss]:.7g}, was {value:.7g}"
            for loss, value in before.items()
            if not np.isclose(now[loss], value, rtol=_NEAR, atol=_NEAR)
        ]
    return lines


def _logged(model_dir, num_steps):
    """The losses in the event files below a folder."""
    steps = [{} for _ in range(num_steps)]
    for file in glob.glob(f"{model_dir}/**/events.*", recursive=True):
        for record in tf.data.TFRecordDataset(file):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                if value.tag.startswith("Loss/"):
                    loss = float(tf.make_ndarray(value.tensor))
                    steps[event.step - 1][value.tag.removeprefix("Loss/")] = loss
    return steps


def _hash(thing):
    return hashlib.sha256(json.dumps(thing).encode()).hexdigest()[:16]


def _measured(path, scenes):
    found = weights_of(path)
    if path.stem in TRAINED:
        found["losses"] = losses_of(path, scenes)
    gc.collect()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("configs", nargs="*", default=["*"], help="stems, patterns")
    parser.add_argument("--record", action="store_true", help="write guard.json")
    args = parser.parse_args()
    recorded = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        scenes = make_scenes(folder)
        for stem, path in paths(args.configs).items():
            found = _measured(path, scenes)
            if args.record:
                recorded[stem] = found
                RECORD.write_text(json.dumps(recorded, indent=1) + "\n")
            lines = differences(stem, recorded.get(stem, {}), found)
            print("\n".join(lines or [f"{stem}: equal"]), flush=True)
            wrong += lines
    if args.configs == ["*"]:
        wrong += [f"{s}: no such config any more" for s in recorded.keys() - paths()]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
