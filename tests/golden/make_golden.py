"""Records what the old TF Object Detection API computes, for tests/parity.

It imports `object_detection` and never `od_api`: the two cannot share a process. The
environment OLD and the patched copy OVERLAY, once (Python 3.11, about 3 GB):

    python benchmarks/old_api_environment.py TARGET

Then, from the project's root (about seven minutes on one core):

    PYTHONPATH=OVERLAY OLD/bin/python tests/golden/make_golden.py [GROUP ...]

GROUP is one of the functions' names in `GROUPS` (all by default); each writes
tests/golden/GROUP.npz. Inputs are stored beside the outputs, or made again from a seed
by `golden_inputs.py`. Parts are built by the old API's own builders from config text,
which is stored too, so that the tests feed the very same text to ours.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import absent_packages

absent_packages.replace()

import golden_store  # noqa: E402
import old_geometry  # noqa: E402
import old_images  # noqa: E402
import old_learning_rates  # noqa: E402
import old_losses  # noqa: E402
import old_matching  # noqa: E402
import old_metrics  # noqa: E402
import old_models  # noqa: E402
import old_postprocess  # noqa: E402
import old_region_ops  # noqa: E402
import old_second_stage  # noqa: E402
import old_two_stage  # noqa: E402

GROUPS = {
    "anchors": old_geometry.anchors,
    "box_coders": old_geometry.box_coders,
    "similarities": old_geometry.similarities,
    "matchers": old_matching.matchers,
    "target_assigner": old_matching.target_assigner,
    "losses": old_losses.losses,
    "hard_example_miner": old_losses.hard_example_miner,
    "nms": old_postprocess.nms,
    "score_converters": old_postprocess.score_converters,
    "learning_rates": old_learning_rates.learning_rates,
    "resizers": old_images.resizers,
    "augment": old_images.augment,
    "coco": old_metrics.coco,
    "models": old_models.models,
    "position_sensitive_crops": old_region_ops.position_sensitive_crops,
    "second_stage": old_second_stage.second_stage,
    "two_stage": old_two_stage.two_stage,
}

if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        golden_store.save(group, GROUPS[group]())
        print("wrote", group, flush=True)
