"""Detectors of keypoints learn four images.

    python benchmarks/keypoint_proofs.py [NAME ...]

Each is a tiny detector of the tests that is trained on four synthetic images, evaluated
on them, and exported; the export is compared with the checkpoint. What was found is
written to keypoint_proofs.json beside this file: the mAP (above .9 wanted), the largest
differences of boxes (pixels) and scores, and the seconds.
"""

import json
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

RECORD = HERE / "keypoint_proofs.json"
MODEL = "model.keypoints"
STEPS = 200
# {name: overrides}
PROOFS = {
    "corner_head": [],
    "one_stack": [f"{MODEL}.backbone.hourglass.num_stacks=1"],
    "integer_radius": [f"{MODEL}.objective.corner_objective.integer_radius=true"],
    "fpn": [
        f"{MODEL}.backbone={{mobilenet_v1 {{depth_multiplier: 0.25 "
        "conv_hyperparams {batch_norm {decay: 0.9}}}}",
        f"{MODEL}.neck={{fpn {{min_level: 3 max_level: 5 depth: 32}}}}",
    ],
}


def prove(name, folder, data):
    """{"mAP", "boxes", "scores", "seconds", "steps"} of one of PROOFS."""
    import test_compositions
    import tiny_compositions

    from od_api.export import export
    from od_api.train import train

    start = time.perf_counter()
    lesson = test_compositions.lesson(STEPS, "adam_optimizer", 0.003)
    overrides = [*lesson, *PROOFS[name]]
    config = tiny_compositions.config_for(folder, data, "corners", *overrides)
    metrics = train(config, folder / "model", num_steps=STEPS).metrics
    found = export(config, folder / "model", folder / "exported")
    return {
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
