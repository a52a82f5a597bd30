"""Detectors of keypoints learn four images.

    python benchmarks/keypoint_proofs.py [NAME ...]

Each is a tiny detector of the tests that is trained on four synthetic images, evaluated
on them, and exported; the export is compared with the checkpoint. What was found is
written to keypoint_proofs.json beside this file: the mAP (above .9 wanted), the largest
differences of boxes (pixels) and scores, the seconds, and a digest of the config and of
the files below; tests/test_keypoint_proofs.py fails where it is not that of the code.
"""

import json
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

RECORD = HERE / "keypoint_proofs.json"
MODEL = "model.keypoints"
STEPS = 200
FILES = [
    "assigners/matrix_objects.py",
    "core/matrix_layers.py",
    "detectors/keypoint_levels.py",
    "detectors/keypoints.py",
    "groupings/_paired_corners.py",
    "groupings/corner_grouping.py",
    "groupings/corner_to_center_grouping.py",
    "heads/corner_head.py",
    "heads/corner_to_center_head.py",
    "layers/corner_pooling.py",
    "layers/heatmaps.py",
    "layers/inner_pooling.py",
    "layers/pooled_block.py",
    "necks/matrix_net.py",
    "objectives/_corners.py",
    "objectives/corner_objective.py",
    "objectives/corner_to_center_objective.py",
]
# {name: overrides}
PROOFS = {
    "corner_head": [],
    "cascade": [f'{MODEL}.head.corner_head.pooling="cascade"'],
    "two_stacks": [f"{MODEL}.backbone.hourglass.num_stacks=2"],
    "integer_radius": [f"{MODEL}.objective.corner_objective.integer_radius=true"],
    "fpn": [
        f"{MODEL}.backbone={{mobilenet_v1 {{depth_multiplier: 0.25 "
        "conv_hyperparams {batch_norm {decay: 0.9}}}}",
        f"{MODEL}.neck={{fpn {{min_level: 3 max_level: 5 depth: 32}}}}",
    ],
    "corner_to_center_head": [
        f"{MODEL}.backbone={{mobilenet_v1 {{depth_multiplier: 0.25 "
        "conv_hyperparams {batch_norm {decay: 0.9}}}}",
        f"{MODEL}.neck={{matrix_net {{neck {{fpn {{min_level: 3 max_level: 5 "
        "depth: 32}}}}",
        f"{MODEL}.level_objects={{matrix_objects {{base_size: 20}}}}",
        f"{MODEL}.head={{corner_to_center_head {{depth: 32 "
        "num_layers_before_predictor: 2}}",
        f"{MODEL}.objective={{corner_to_center_objective {{}}}}",
        f"{MODEL}.grouping={{corner_to_center_grouping {{top_k: 10 max_boxes: 100}}}}",
    ],
}


def config_of(name, folder, data):
    """The loaded config of one of PROOFS; its file is in `folder`."""
    import test_compositions
    import tiny_compositions

    lesson = test_compositions.lesson(STEPS, "adam_optimizer", 0.003)
    overrides = [*lesson, *PROOFS[name]]
    return tiny_compositions.config_for(folder, data, "corners", *overrides)


def digest(name):
    """Of the config of one of PROOFS and of FILES."""
    from region_proofs import digest_of

    with tempfile.TemporaryDirectory() as folder:
        config = config_of(name, pathlib.Path(folder), "DATA")
    return digest_of(config, FILES)


def prove(name, folder, data):
    """A row of the record, of one of PROOFS."""
    from od_api.export import export
    from od_api.train import train

    start = time.perf_counter()
    config = config_of(name, folder, data)
    metrics = train(config, folder / "model", num_steps=STEPS).metrics
    found = export(config, folder / "model", folder / "exported")
    return {
        "digest": digest(name),
        "steps": STEPS,
        "mAP": round(float(metrics["DetectionBoxes_Precision/mAP"]), 4),
        "boxes": float(found["boxes"]),
        "scores": float(found["scores"]),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main():
    """Proves those named, or all, and writes the record."""
    import tiny

    names = sys.argv[1:] or list(PROOFS)
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = tiny.make_data(folder / "data", num_images=4)
        for name in names:
            (folder / name).mkdir()
            record[name] = prove(name, folder / name, data)
            print(name, record[name], flush=True)
            RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
