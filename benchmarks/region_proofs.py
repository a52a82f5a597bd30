"""Detectors with each region operator, pyramid and list of stages learn four images.

    python benchmarks/region_proofs.py [--only learn|in_step|apart] [NAME ...]

Each is a tiny Faster R-CNN, R-FCN or Mask R-CNN of the tests. What is found of it is
written to region_proofs.json beside this file:

    learn    trained on four synthetic images, evaluated on them, exported: the mAP
             (above .9 wanted; of masks in `mask_mAP`, above .7), and by how much the
             export differs from the checkpoint (boxes in pixels, scores);
    in_step  three steps on one device and on two logical CPUs, of the same images: the
             largest difference of a weight, and how far the weights moved;
    apart    the steps of asynchronous training by a chief, a worker and a parameter
             server.

`digest` is of the config and of the files of the parts; tests/test_region_proofs.py
fails where it is not that of the code.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))

RECORD = HERE / "region_proofs.json"
MODEL = "model.faster_rcnn"
_START = re.compile(r"^(@|class |def )", re.MULTILINE)
BY_STRIDE = "level_rule {level_by_stride {}}"
HEAD = f"{MODEL}.second_stage_box_predictor"


def _operator(text):
    return [f"{MODEL}.region_operator={{{text}}}"]


# A pyramid of 128 px has 1,364 anchors: the 32 best proposals often miss an object, and
# a draw of 16 leaves half of them unlearned.
_MANY = [
    f"{MODEL}.first_stage_max_proposals=100",
    f"{MODEL}.second_stage_batch_size=64",
]
_READ_MASKS = [
    "train_input_reader.load_instance_masks=true",
    "eval_input_reader.load_instance_masks=true",
    'eval_config.metrics_set=["coco_detection_metrics", "coco_mask_metrics"]',
]


class Proof(NamedTuple):
    """One detector.

    Attributes:
      model: its name among the tests' tiny models.
      overrides: what makes it another one.
      steps: how many it learns.
      files: the files of the parts that it proves, below od_api.
    """

    model: str
    overrides: list
    steps: int
    files: list


PROOFS = {
    "roi_align": Proof(
        "faster_rcnn",
        _operator("roi_align {}"),
        400,
        ["region_operators/roi_align.py"],
    ),
    "roi_max_pool": Proof(
        "faster_rcnn",
        _operator("roi_max_pool {}"),
        400,
        ["region_operators/roi_max_pool.py"],
    ),
    "roi_average_pool": Proof(
        "faster_rcnn",
        _operator("roi_average_pool {}"),
        400,
        ["region_operators/roi_average_pool.py"],
    ),
    "precise_roi_pool": Proof(
        "faster_rcnn",
        _operator("precise_roi_pool {}"),
        400,
        ["region_operators/precise_roi_pool.py"],
    ),
    "cascade_rpn": Proof(
        "cascade_rpn",
        _MANY,
        800,
        ["heads/cascade_rpn_predictor.py", "layers/adaptive_conv.py"],
    ),
    "soft_levels": Proof(
        "faster_rcnn_fpn",
        _operator("soft_levels {depth: 32}") + _MANY,
        800,
        ["region_operators/soft_levels.py"],
    ),
    "top_down_fpn": Proof(
        "faster_rcnn_fpn",
        [
            f"{MODEL}.feature_extractor.neck={{top_down_fpn {{depth: 32}}}}",
            *_operator(f"roi_align {{{BY_STRIDE}}}"),
            *_MANY,
        ],
        800,
        ["necks/top_down_fpn.py", "region_operators/level_by_stride.py"],
    ),
    "consistent_supervision": Proof(
        "faster_rcnn_fpn",
        [
            f"{MODEL}.feature_extractor.neck={{top_down_fpn {{depth: 32}}}}",
            f"{MODEL}.consistent_supervision={{}}",
            *_operator(f"roi_align {{{BY_STRIDE}}}"),
            *_MANY,
        ],
        800,
        ["detectors/consistent_supervision.py", "necks/_pyramid.py"],
    ),
    "concatenated_stages": Proof(
        "faster_rcnn",
        [
            f"{MODEL}.feature_extractor.backbone.mobilenet_v1.output_stride=16",
            f"{MODEL}.feature_extractor.neck={{concatenated_stages "
            '{stages: ["C4", "C5"]}}',
            f'{MODEL}.region_levels=["C5"]',
        ],
        400,
        ["necks/concatenated_stages.py"],
    ),
    "deformable_conv": Proof(
        "faster_rcnn_fpn",
        [
            f"{MODEL}.feature_extractor.backbone={{resnet {{depth: 50 "
            "depth_multiplier: 0.125 "
            'conv_hyperparams {batch_norm {decay: 0.9}} deformable_stages: ["C5"]}}',
            *_MANY,
        ],
        800,
        ["layers/deformable_conv.py"],
    ),
    "rfcn": Proof(
        "rfcn",
        [],
        800,
        ["heads/rfcn_box_predictor.py", "layers/position_sensitive_crop.py"],
    ),
    "rfcn_roi_align": Proof(
        "rfcn",
        _operator("roi_align {}"),
        800,
        ["region_operators/roi_align.py"],
    ),
    "deformable_rfcn_box_predictor": Proof(
        "rfcn",
        [
            f"{HEAD}={{deformable_rfcn_box_predictor {{rfcn_box_predictor {{depth: 64 "
            "conv_hyperparams {initializer {variance_scaling_initializer {}}}}}}"
        ],
        800,
        [
            "heads/deformable_rfcn_box_predictor.py",
            "layers/deformable_position_sensitive_crop.py",
        ],
    ),
    "cascade": Proof("cascade", _MANY, 600, ["detectors/region_stage.py"]),
    "libra": Proof(
        "libra",
        [],
        400,
        ["samplers/iou_balanced_sampler.py", "losses/balanced_l1.py"],
    ),
    "masks": Proof(
        "mask_rcnn",
        [*_MANY, *_READ_MASKS],
        800,
        ["heads/_mask_head.py"],
    ),
    "deconvolve_masks": Proof(
        "mask_rcnn",
        [
            *_operator("roi_align {}"),
            # The second stage halves them to 7 x 7 cells, which the branch doubles.
            f"{MODEL}.initial_crop_size=28",
            f"{HEAD}.mask_rcnn_box_predictor.deconvolve_masks=true",
            f"{HEAD}.mask_rcnn_box_predictor.threshold_mask_targets=true",
            f"{HEAD}.mask_rcnn_box_predictor.mask_height=14",
            f"{HEAD}.mask_rcnn_box_predictor.mask_width=14",
            *_READ_MASKS,
        ],
        600,
        ["heads/_deconvolved_mask_head.py"],
    ),
}


def config_of(name, folder, data, *further):
    """The loaded config of one of PROOFS; its file is in `folder`."""
    import test_compositions
    import tiny_compositions
    import tiny_two_stage

    proof = PROOFS[name]
    tiny_models = tiny_compositions
    if proof.model in tiny_two_stage.MODELS:
        tiny_models = tiny_two_stage
    overrides = [
        *test_compositions.lesson(proof.steps, "momentum_optimizer", 0.02),
        f"{MODEL}.second_stage_localization_loss_weight=2",
        *proof.overrides,
        *further,
    ]
    return tiny_models.config_for(folder, data, proof.model, *overrides)


def digest(name):
    """Of the config and of the files of one of PROOFS."""
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(name, pathlib.Path(folder), "DATA")
    return digest_of(config, PROOFS[name].files)


def digest_of(config, files):
    """Of a config and of files below od_api."""
    from google.protobuf import text_format

    made = hashlib.sha256(text_format.MessageToString(config).encode())
    for file in files:
        text = (HERE.parent / "od_api" / file).read_text("utf-8")
        # Below the imports: where other parts lie does not matter.
        made.update(text[_START.search(text).start() :].encode())
    return made.hexdigest()[:16]


def learn(name, folder, data):
    """What one of PROOFS learns, and how its export differs."""
    from od_api.export import export
    from od_api.train import train

    start = time.perf_counter()
    steps = PROOFS[name].steps
    config = config_of(name, folder, data)
    metrics = train(config, folder / "model", num_steps=steps).metrics
    found = export(config, folder / "model", folder / "exported")
    row = {
        "digest": digest(name),
        "steps": steps,
        "mAP": round(float(metrics["DetectionBoxes_Precision/mAP"]), 4),
        "boxes": float(found["boxes"]),
        "scores": float(found["scores"]),
        "seconds": round(time.perf_counter() - start, 1),
    }
    masks = metrics.get("DetectionMasks_Precision/mAP")
    return row if masks is None else row | {"mask_mAP": round(float(masks), 4)}


def in_step(name, folder, data):
    """How two devices differ from one after three steps, and how far they went."""
    import numpy as np

    from od_api.checkpoints import checkpoint_files

    config = config_of(name, folder, data, "train_config.checkpoint_every_n_steps=1")
    # Everything is kept: each device would draw for its own images.
    model = config.model.faster_rcnn
    model.first_stage_minibatch_size = 4096
    padded = config.train_input_reader.max_number_of_boxes
    model.second_stage_batch_size = model.first_stage_max_proposals + padded
    model.second_stage_balance_fraction = 1
    path = _written(config, folder / f"{name}.config")
    subprocess.run(
        [sys.executable, TESTS / "mirrored_training.py", path, folder],
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    first, one, two = (
        checkpoint_files.read(str(folder / where))[0]["model"]
        for where in ("one/ckpt-1", "one/ckpt-3", "two/ckpt-3")
    )

    def largest(some, others):
        return float(max(np.abs(some[n] - others[n]).max() for n in some))

    return {"difference": largest(one, two), "moved": largest(one, first)}


def apart(names, folder, data, steps=4):
    """{name: {"steps": of asynchronous training}}; they share a cluster."""
    import numpy as np
    from cluster_kit import running

    from od_api.checkpoints import checkpoint_files

    paths = [
        _written(config_of(n, folder, data), folder / f"{n}.config") for n in names
    ]
    command = [str(TESTS / "asynchronous_training.py"), str(steps), str(folder)]
    command += map(str, paths)
    with running(folder / "logs", command, chief=1, worker=1, ps=1) as cluster:
        if cluster.wait(seconds=3600):
            raise RuntimeError(cluster.log())
    found = {}
    for name in names:
        groups, _ = checkpoint_files.read(str(folder / name / f"ckpt-{steps}"))
        if not all(np.isfinite(value).all() for value in groups["model"].values()):
            raise RuntimeError(f"{name} has weights that are not finite")
        found[name] = {"steps": steps}
    return found


def _written(config, path):
    from google.protobuf import text_format

    path.write_text(text_format.MessageToString(config))
    return path


def main():
    """Proves those named, or all, and writes the record."""
    import tiny

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=("learn", "in_step", "apart"))
    parser.add_argument("names", nargs="*", default=[], metavar="NAME")
    args = parser.parse_args()
    names = args.names or list(PROOFS)
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}

    def note(name, kind, found):
        record.setdefault(name, {})[kind] = found
        print(name, kind, found, flush=True)
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = tiny.make_data(folder / "data", num_images=4, include_masks=True)
        for kind, run in (("learn", learn), ("in_step", in_step)):
            for name in names if args.only in (None, kind) else []:
                place = folder / f"{name}_{kind}"
                place.mkdir()
                note(name, kind, run(name, place, data))
        if args.only in (None, "apart"):
            for name, found in apart(names, folder, data).items():
                note(name, "apart", found)


if __name__ == "__main__":
    main()
