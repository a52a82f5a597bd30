"""Configs that `od-api init` writes, against one made by hand, in the same time.

    python benchmarks/init_versus_hand.py DATA OUTPUT

DATA is the folder of the data and weights that the tests use: the contenders train on
its photographs of blood cells at 160 x 160 pixels, from the same ImageNet weights, in
batches of 16, without evaluations on the way, and are measured on the images for tests,
which nobody has seen: mAP@.5 of the last checkpoint. Steps are such that all take
about the same time of the processor, and few: what is compared is how fast a config
learns. Runs stay in OUTPUT, which must be new; what was found is written to
init_versus_hand.json beside this file.

The config made by hand is that of somebody who knows the data: sizes of anchors by its
classes, kernels of 3 in the heads, flips both ways since the images have no up
(ssd_mobilenet_v1_300x300_bccd.config, whose 1500 steps at 300 pixels reach .841).
"""

import json
import pathlib
import sys
import time

from od_api import evaluate, load_config, train
from od_api.init.initialise import Wishes, initialise
from od_api.study.measure import machine
from od_api.system.shipped import folder as shipped_folder

RECORD = pathlib.Path(__file__).resolve().with_suffix(".json")
METRIC = "DetectionBoxes_Precision/mAP@.50IOU"
DATA_SET = "bccd/BCCD"
TEST = "data/test.record-00000-of-00001"
SIDE, BATCH = 160, 16
HAND = "ssd_mobilenet_v1_300x300_bccd.config"
HAND_STEPS = 220
# {detector of init: (file of weights, steps)}
BY_INIT = {
    "ssd_mobilenet_v1_300": ("mobilenet_7_5_224_tf_no_top.h5", 220),
    "ssd_mobilenet_v2_fpnlite_320": (
        "mobilenet_v2_1.0_224_dequant_qat_no_top.h5",
        110,
    ),
}


def made_by_init(detector, data, folder):
    """The config that init writes."""
    weights, steps = BY_INIT[detector]
    wishes = Wishes(
        detector=detector,
        weights=str(data / "weights_imagenet" / weights),
        num_steps=steps,
        batch_size=BATCH,
        size=(SIDE, SIDE),
    )
    return load_config(initialise(data / DATA_SET, folder, wishes, print))


def made_by_hand(data, records):
    """HAND on the records that init made, with as short a schedule."""
    weights, _ = BY_INIT["ssd_mobilenet_v1_300"]
    optimizer = "train_config.optimizer"
    rate = f"{optimizer}.momentum_optimizer.learning_rate.cosine_decay_learning_rate"
    overrides = [
        f"model.ssd.image_resizer.fixed_shape_resizer={{height: {SIDE} width: {SIDE}}}",
        f"train_config.fine_tune_checkpoint={data / 'weights_imagenet' / weights}",
        f"train_config.num_steps={HAND_STEPS}",
        f"train_config.checkpoint_every_n_steps={HAND_STEPS}",
        f"{rate}.total_steps={HAND_STEPS}",
        f"{rate}.warmup_steps={HAND_STEPS // 15}",
        # For 1500 steps they are .97 and .998.
        f"{optimizer}.moving_average_decay={1 - 3 / HAND_STEPS:.4f}",
        "model.ssd.feature_extractor.conv_hyperparams.batch_norm.decay=0.9",
        f"train_input_reader={_reader(records, 'train')}",
        f"eval_input_reader=[{_reader(records, 'val')}]",
    ]
    return load_config(shipped_folder() / "ssd" / HAND, overrides)


def _reader(records, part):
    label_map = f"label_map_path: '{records}/label_map.pbtxt'"
    files = f"tf_record_input_reader {{input_path: '{records}/data/{part}.record-*'}}"
    return f"{{{label_map} max_number_of_boxes: 100 {files}}}"


def measured(config, test, run):
    """What a contender learns, and the processor's time that it takes."""
    begin = time.process_time()
    train(config, run, evaluate_on_the_way=False, record_summaries=False)
    seconds = time.process_time() - begin
    config.eval_input_reader[0].tf_record_input_reader.input_path[:] = [str(test)]
    return {
        "steps": config.train_config.num_steps,
        "processor_seconds": round(seconds),
        "mAP@.5": round(evaluate(config, run)[METRIC], 4),
    }


def table(record):
    """The Markdown of a record."""
    lines = [
        "| config | steps of 16 images | processor, s | mAP@.5 |",
        "|---|---|---|---|",
    ]
    for name, found in record["contenders"].items():
        score = f"{found['mAP@.5']:.3f}".lstrip("0")
        lines.append(
            f"| {name} | {found['steps']} | {found['processor_seconds']} | {score} |"
        )
    return "\n".join(lines)


def main(data, output):
    """Trains the contenders and writes RECORD."""
    data, output = pathlib.Path(data).resolve(), pathlib.Path(output).resolve()
    output.mkdir(parents=True)
    found = {}
    for detector in BY_INIT:
        records = output / detector
        config = made_by_init(detector, data, records)
        run = output / f"run_{detector}"
        found[f"init: {detector}"] = measured(config, records / TEST, run)
        print(found, flush=True)
    config = made_by_hand(data, records)
    found["hand"] = measured(config, records / TEST, output / "run_hand")
    record = {
        "machine": machine.describe(),
        "side": SIDE,
        "batch": BATCH,
        "contenders": found,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    print(table(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
