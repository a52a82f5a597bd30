"""Do the exported models of trained detectors find what their checkpoints find?

    python benchmarks/engine_parity.py RUNS --data DATA \
        --output benchmarks/engine_parity.json

DATA has the folders `bccd` (photographs of blood cells, 640 x 480, as BCCD_Dataset has
them) and `weights_imagenet`. Each of KINDS is trained on them for a few minutes, from
ImageNet weights, unless RUNS has its run already; exported in each of FORMS; and asked
for the same photographs as its checkpoint, one by one and in batches: whole ones, their
left halves and their upper ones. No data with masks are at hand: those of Mask R-CNN
are the ellipses inside the boxes, which cells nearly are.

A detection is compared with the nearest one of its class. For each engine and batch of
float32 the record has the numbers of images and detections; the largest differences of
boxes (in pixels of the photograph), scores and masks; `swapped`: how many stand
elsewhere in the list; `apart`: how many have none within the limits; `alone`: the rest,
where one side has more. The same of what TensorFlow finds with the SavedModel, as
`from_tensorflow`: its batch norm is folded, too, so that what differs is the engine
alone. mAP is that of the whole photographs, by both; of bfloat16 and int8 it is all
there is. The table of docs/engines.md is made from the record; it is printed,
too.
"""

import argparse
import importlib.metadata
import json
import math
import pathlib
import tempfile
import time
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from od_api.config.loading import load_config
from od_api.data.converters.coco_json import convert_coco
from od_api.export import export
from od_api.exporting.parity import BOX_LIMIT_PIXELS, SCORE_LIMIT
from od_api.inference.finders import finder
from od_api.study.measure import machine
from od_api.train import train

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"
BATCH_SIZES = (1, 8)
# (format, precision)
FORMS = (
    ("saved_model", "float32"),
    ("onnx", "float32"),
    *(("openvino", precision) for precision in ("float32", "bfloat16", "int8")),
)
ENGINES = {"saved_model": "TensorFlow", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}
PACKAGES = ("tensorflow", "onnxruntime", "openvino", "nncf")
CALIBRATION_IMAGES = 100
CLASSES = ("Platelets", "RBC", "WBC")
METRICS = {
    "box mAP@.5": "DetectionBoxes_Precision/mAP@.50IOU",
    "mask mAP@.5": "DetectionMasks_Precision/mAP@.50IOU",
}
_V1 = "mobilenet_7_5_224_tf_no_top.h5"
_V2 = "mobilenet_v2_1.0_224_dequant_qat_no_top.h5"


class Kind(NamedTuple):
    """A detector that is compared.

    Attributes:
      title: for people.
      base: of a config that is shipped.
      text: what differs from it.
      rate: path of the learning rate's schedule, and its largest rate.
      batch, steps: of training.
      weights: file of the backbone's.
    """

    title: str
    base: str
    text: str = ""
    rate: tuple = ("adam_optimizer", 0.0005)
    batch: int = 2
    steps: int = 200
    weights: str = _V1


_SSD_FPN = """
model { ssd {
  num_classes: 3
  image_resizer {
    keep_aspect_ratio_resizer { min_dimension: 256 max_dimension: 384 }
  }
  feature_extractor {
    depth_multiplier: 0.75
    pad_to_multiple: 32
    fpn { additional_layer_depth: 64 }
    conv_hyperparams { batch_norm { decay: 0.9 } }
  }
  box_predictor { weight_shared_convolutional_box_predictor {
    depth: 64
    num_layers_before_predictor: 2
    conv_hyperparams { batch_norm { decay: 0.9 } }
  } }
  post_processing { batch_non_max_suppression { score_threshold: 0.01 } }
} }
"""
_DEPTHWISE = """
model { ssd {
  num_classes: 3
  feature_extractor { conv_hyperparams { batch_norm { decay: 0.9 } } }
  box_predictor { weight_shared_convolutional_box_predictor {
    conv_hyperparams { batch_norm { decay: 0.9 } }
  } }
  post_processing { batch_non_max_suppression { score_threshold: 0.01 } }
} }
"""
_PYRAMID = """
model { faster_rcnn {
  feature_extractor { neck { fpn { min_level: 3 max_level: 6 depth: 64 } } }
  first_stage_anchor_generator { multiscale_anchor_generator {
    min_level: 3
    max_level: 6
    anchor_scale: 3
    aspect_ratios: [0.7, 1.0, 1.4]
    scales_per_octave: 1
  } }
} }
"""
_MASKS = """
model { faster_rcnn {
  number_of_stages: 3
  second_stage_box_predictor { mask_rcnn_box_predictor {
    predict_instance_masks: true
    mask_prediction_conv_depth: 64
    conv_hyperparams { initializer { variance_scaling_initializer {} } }
  } }
} }
train_input_reader { load_instance_masks: true mask_type: PNG_MASKS }
eval_config { metrics_set: "coco_mask_metrics" }
eval_input_reader { load_instance_masks: true mask_type: PNG_MASKS }
"""
_FASTER = "faster_rcnn/faster_rcnn_mobilenet_v1_300x400_bccd"
_SGD = ("momentum_optimizer", 0.02)
KINDS = {
    "ssd": Kind(
        "SSD, MobileNet v1, 300 x 300",
        "ssd/ssd_mobilenet_v1_300x300_bccd",
        rate=_SGD,
        batch=8,
        steps=250,
    ),
    "ssd_fpn": Kind(
        "SSD with a pyramid, MobileNet v1, 256 to 384",
        "ssd/ssd_mobilenet_v1_fpn_640x640_coco",
        _SSD_FPN,
        rate=_SGD,
        batch=8,
    ),
    "ssd_depthwise": Kind(
        "SSD with a depthwise pyramid, MobileNet v2, 320 x 320",
        "ssd/ssd_mobilenet_v2_fpnlite_320x320_coco",
        _DEPTHWISE,
        rate=_SGD,
        batch=8,
        weights=_V2,
    ),
    "faster_rcnn": Kind("Faster R-CNN of one map, MobileNet v1, 300 to 512", _FASTER),
    "faster_rcnn_fpn": Kind(
        "Faster R-CNN with a pyramid, MobileNet v1, 300 to 512", _FASTER, _PYRAMID
    ),
    "rfcn": Kind(
        "R-FCN, MobileNet v1, 300 to 512", "rfcn/rfcn_mobilenet_v1_300x400_bccd"
    ),
    "mask_rcnn": Kind("Mask R-CNN, MobileNet v1, 300 to 512", _FASTER, _MASKS),
}


def coco_of(annotations, split_file):
    """The split of BCCD as COCO has annotations, masks being ellipses.

    Args:
      annotations: folder of Pascal's XML files.
      split_file: their names, one a line.
    """
    images, objects = [], []
    for number, name in enumerate(split_file.read_text().split(), 1):
        tree = ElementTree.parse(annotations / f"{name}.xml")
        width, height = (int(tree.findtext(f"size/{x}")) for x in ("width", "height"))
        images.append({"id": number, "file_name": f"{name}.jpg"})
        images[-1] |= {"width": width, "height": height}
        for found in tree.iter("object"):
            sides = ("xmin", "ymin", "xmax", "ymax")
            left, top, right, bottom = (
                min(max(float(found.findtext(f"bndbox/{side}")), 0), most)
                for side, most in zip(sides, [width, height] * 2, strict=True)
            )
            if right - left < 1 or bottom - top < 1:
                continue
            one = {"id": len(objects) + 1, "image_id": number, "iscrowd": 0}
            one["category_id"] = CLASSES.index(found.findtext("name")) + 1
            one["bbox"] = [left, top, right - left, bottom - top]
            one["area"] = math.pi / 4 * one["bbox"][2] * one["bbox"][3]
            one["segmentation"] = [ellipse(*one["bbox"])]
            objects.append(one)
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)]
    return {"images": images, "annotations": objects, "categories": categories}


def ellipse(left, top, width, height, corners=32):
    """[x, y, x, y, ...] of the polygon inside a box."""
    angles = np.arange(corners) * 2 * np.pi / corners
    x = left + width * (1 + np.cos(angles)) / 2
    y = top + height * (1 + np.sin(angles)) / 2
    return np.stack([x, y], axis=-1).ravel().tolist()


def records(data, folder):
    """Writes train, val and test records to a new folder."""
    source = data / "bccd" / "BCCD"
    if (folder / "label_map.pbtxt").exists():
        return
    folder.mkdir(parents=True)
    for split in ("train", "val", "test"):
        split_file = source / "ImageSets" / "Main" / f"{split}.txt"
        found = folder / f"{split}.json"
        found.write_text(json.dumps(coco_of(source / "Annotations", split_file)))
        convert_coco(
            found,
            source / "JPEGImages",
            folder / f"{split}.record",
            folder / "label_map.pbtxt",
            include_masks=True,
        )


def config_of(kind, runs, data):
    """The config of a Kind, on the records in runs/bccd."""
    path, folder = runs / f"{kind}.config", runs / "bccd"
    kind = KINDS[kind]
    path.write_text(f'base: "{CONFIGS / kind.base}.config"\n{kind.text}')
    optimizer, rate = kind.rate
    schedule = (
        f"train_config.optimizer.{optimizer}.learning_rate.cosine_decay_learning_rate"
    )
    reader = "tf_record_input_reader.input_path"
    settings = {
        "train_config.batch_size": kind.batch,
        "train_config.num_steps": kind.steps,
        "train_config.checkpoint_every_n_steps": kind.steps,
        "train_config.optimizer.use_moving_average": "false",
        "train_config.fine_tune_checkpoint": data / "weights_imagenet" / kind.weights,
        f"{schedule}.learning_rate_base": rate,
        f"{schedule}.warmup_learning_rate": rate / 10,
        f"{schedule}.warmup_steps": 20,
        f"{schedule}.total_steps": kind.steps,
        "train_input_reader.label_map_path": folder / "label_map.pbtxt",
        f"train_input_reader.{reader}": f"{folder}/train.record-*",
        "eval_input_reader[0].label_map_path": folder / "label_map.pbtxt",
        f"eval_input_reader[0].{reader}": f"{folder}/test.record-*",
        "eval_config.best_metric": METRICS["box mAP@.5"],
    }
    return load_config(path, [f"{key}={value}" for key, value in settings.items()])


def batches(data, count):
    """{shape: uint8 [count, H, W, 3]}: whole photographs, left and upper halves."""
    source = data / "bccd" / "BCCD"
    names = (source / "ImageSets" / "Main" / "test.txt").read_text().split()[:count]
    pictures = [Image.open(source / "JPEGImages" / f"{name}.jpg") for name in names]
    whole = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    height, width = whole.shape[1:3]
    parts = (whole, whole[:, :, : width // 2], whole[:, : height // 2])
    return {part.shape[1:3]: np.ascontiguousarray(part) for part in parts}


def found_in(find, images, batch):
    """[{output: array}] of images, so many at once."""
    found = []
    for first in range(0, len(images), batch):
        found += find(images[first : first + batch])
    return found


def differences(found, wanted, shape):
    """What lies between two lists of detections of one image.

    Args:
      found, wanted: {detection_boxes, detection_scores, detection_classes and perhaps
        detection_masks}.
      shape: (H, W) of the image.

    Returns:
      ([(boxes in px, scores, masks, places moved)] of pairs, how many have no partner).
    """
    free = set(range(len(found["detection_scores"])))
    pairs, alone = [], 0
    for place, kind in enumerate(wanted["detection_classes"]):
        rows = [i for i in free if found["detection_classes"][i] == kind]
        apart = [_apart(found, i, wanted, place, shape) for i in rows]
        if not rows:
            alone += 1
            continue
        costs = [box / BOX_LIMIT_PIXELS + other / SCORE_LIMIT for box, other in apart]
        best = int(np.argmin(costs))
        masks = 0.0
        if "detection_masks" in wanted:
            one, other = (
                side["detection_masks"][row]
                for side, row in ((found, rows[best]), (wanted, place))
            )
            masks = float(np.abs(one - other).max())
        free.remove(rows[best])
        pairs.append((*apart[best], masks, abs(rows[best] - place)))
    return pairs, alone + len(free)


def _apart(found, row, wanted, place, shape):
    """(pixels, score) between two detections."""
    boxes = found["detection_boxes"][row] - wanted["detection_boxes"][place]
    scores = found["detection_scores"][row] - wanted["detection_scores"][place]
    return float(np.abs(boxes * np.tile(shape, 2)).max()), float(abs(scores))


def summary(compared):
    """The numbers of one engine and batch, of all that `differences` gave."""
    pairs = np.array([pair for one, _ in compared for pair in one]).reshape(-1, 4)
    boxes, scores, masks, moved = pairs.T
    within = (boxes <= BOX_LIMIT_PIXELS) & (scores <= SCORE_LIMIT)

    def largest(values):
        return float(values.max(initial=0.0))

    return {
        "images": len(compared),
        "detections": len(pairs),
        "boxes_px": largest(boxes),
        "scores": largest(scores),
        "masks": largest(masks),
        "swapped": int((moved > 0).sum()),
        "apart": int((~within).sum()),
        "alone": sum(alone for _, alone in compared),
    }


def found_by(find, images, batch):
    """{shape: what is found in its images, so many at once}."""
    return {shape: found_in(find, several, batch) for shape, several in images.items()}


def compared(found, wanted):
    """`summary` of two that `found_by` returned."""
    return summary(
        [
            differences(one, other, shape)
            for shape, several in found.items()
            for one, other in zip(several, wanted[shape], strict=True)
        ]
    )


def measured(kind, runs, data, count):
    """The record of one of KINDS."""
    config, run = config_of(kind, runs, data), runs / kind
    if not (run / "seconds").exists():
        start = time.monotonic()
        train(config, run, evaluate_on_the_way=False, record_summaries=False)
        (run / "seconds").write_text(f"{time.monotonic() - start:.0f}")
    images, by_tensorflow = batches(data, count), None
    wanted = found_by(finder(run).find, images, 1)
    record = {"title": KINDS[kind].title, "steps": KINDS[kind].steps}
    record["training_seconds"] = int((run / "seconds").read_text())
    record |= {"mAP": {}, "rows": []}
    for model_format, precision in FORMS:
        form = {"format": model_format, "precision": precision}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "exported"
            options = {"model_format": model_format, "precision": precision}
            if precision == "int8":
                options["calibration_images"] = CALIBRATION_IMAGES
            export(config, run, path, evaluate=True, **options)
            evaluation = json.loads((path / "parity.json").read_text())["evaluation"]
            record["mAP"] |= {"checkpoint": _main(evaluation["checkpoint"])}
            record["mAP"][f"{model_format} {precision}"] = _main(evaluation["exported"])
            if precision != "float32":
                continue
            find = finder(path).find
            for batch in BATCH_SIZES:
                found = found_by(find, images, batch)
                by_tensorflow = by_tensorflow or found
                row = {**form, "batch": batch, **compared(found, wanted)}
                row["from_tensorflow"] = compared(found, by_tensorflow)
                record["rows"].append(row)
    return record


def _main(metrics):
    return {name: metrics[key] for name, key in METRICS.items() if key in metrics}


def markdown(record):
    """The table of a record; the largest numbers of all sizes of batches."""
    lines = [
        "| detector | engine | detections | boxes | scores | masks | beyond the limits "
        "| mAP@.5 of the checkpoint | exported |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind in record["kinds"].values():
        for model_format, precision in FORMS:
            rows = [
                row
                for row in kind["rows"]
                if (row["format"], row["precision"]) == (model_format, precision)
            ]
            cells = [kind["title"], f"{ENGINES[model_format]}, {precision}"]
            cells += _compared(rows) if rows else [""] * 5
            form = f"{model_format} {precision}"
            for found in (kind["mAP"]["checkpoint"], kind["mAP"][form]):
                cells.append(", ".join(f"{value:.4f}" for value in found.values()))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


_COUNTED = ("detections", "boxes_px", "scores", "masks", "apart", "alone")


def _compared(rows):
    """The cells of what was compared."""
    worst = {name: max(row[name] for row in rows) for name in _COUNTED}
    masks = f"{worst['masks']:.1g}" if worst["masks"] else ""
    beyond = str(worst["apart"] + worst["alone"])
    boxes, scores = f"{worst['boxes_px']:.1g} px", f"{worst['scores']:.1g}"
    return [str(worst["detections"]), boxes, scores, masks, beyond]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--images", type=int, default=16, help="of each shape")
    args = parser.parse_args()
    runs, data = args.runs.absolute(), args.data.absolute()
    records(data, runs / "bccd")
    done = {}
    if args.output.exists():
        done = json.loads(args.output.read_text())["kinds"]
    for kind in args.kinds:
        done[kind] = measured(kind, runs, data, args.images)
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        record = {"machine": machine.describe(), "engines": versions}
        record["kinds"] = {name: done[name] for name in KINDS if name in done}
        args.output.write_text(json.dumps(record, indent=1) + "\n")
    print(markdown(record))


if __name__ == "__main__":
    main()
