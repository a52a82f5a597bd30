"""Detectors with each region operator, pyramid and first stage learn four images.

    python benchmarks/region_proofs.py [NAME ...]

Each is a tiny Faster R-CNN (or R-FCN) of the tests that is trained on four synthetic
images, evaluated on them, and exported; the export is compared with the checkpoint.
What was found is written to region_proofs.json beside this file: the mAP (above .9
wanted), the largest differences of boxes (pixels) and scores, and the seconds.
"""

import json
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

RECORD = HERE / "region_proofs.json"
MODEL = "model.faster_rcnn"
BY_STRIDE = "level_rule {level_by_stride {}}"


def _operator(text):
    return [f"{MODEL}.region_operator={{{text}}}"]


# {name: (model of the tests, overrides, steps)}
PROOFS = {
    "roi_align": ("faster_rcnn", _operator("roi_align {}"), 400),
    "roi_max_pool": ("faster_rcnn", _operator("roi_max_pool {}"), 400),
    "roi_average_pool": ("faster_rcnn", _operator("roi_average_pool {}"), 400),
    "precise_roi_pool": ("faster_rcnn", _operator("precise_roi_pool {}"), 400),
    "cascade_rpn": ("cascade_rpn", [], 600),
    "soft_levels": ("faster_rcnn_fpn", _operator("soft_levels {depth: 32}"), 600),
    "top_down_fpn": (
        "faster_rcnn_fpn",
        [
            f"{MODEL}.feature_extractor.neck={{top_down_fpn {{depth: 32}}}}",
            *_operator(f"roi_align {{{BY_STRIDE}}}"),
        ],
        600,
    ),
    "concatenated_stages": (
        "faster_rcnn",
        [
            f"{MODEL}.feature_extractor.backbone.mobilenet_v1.output_stride=16",
            f"{MODEL}.feature_extractor.neck={{concatenated_stages "
            '{stages: ["C4", "C5"]}}',
            f'{MODEL}.region_levels=["C5"]',
        ],
        400,
    ),
    "deformable_conv": (
        "faster_rcnn_fpn",
        [
            f"{MODEL}.feature_extractor.backbone={{resnet {{depth: 50 "
            "depth_multiplier: 0.125 "
            'conv_hyperparams {batch_norm {decay: 0.9}} deformable_stages: ["C5"]}}'
        ],
        600,
    ),
    "rfcn_roi_align": ("rfcn", _operator("roi_align {}"), 800),
}


def prove(name, folder, data):
    """{"mAP", "boxes", "scores", "seconds"} of one of PROOFS."""
    import test_compositions
    import tiny_compositions
    import tiny_two_stage

    from od_api.export import export
    from od_api.train import train

    model, overrides, steps = PROOFS[name]
    start = time.perf_counter()
    tiny_models = tiny_compositions
    if model in tiny_two_stage.MODELS:
        tiny_models = tiny_two_stage
    lesson = test_compositions.lesson(steps, "momentum_optimizer", 0.02)
    weight = f"{MODEL}.second_stage_localization_loss_weight=2"
    overrides = [*lesson, weight, *overrides]
    config = tiny_models.config_for(folder, data, model, *overrides)
    metrics = train(config, folder / "model", num_steps=steps).metrics
    found = export(config, folder / "model", folder / "exported")
    return {
        "steps": steps,
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
