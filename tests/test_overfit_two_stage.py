"""A two-stage detector learns four images by heart; benchmarks/region_proofs.py has
the others."""

import pytest
import tiny_two_stage

from od_api.data.synthetic import synth
from od_api.train import train

STEPS = 400
_SCHEDULE = (
    f"cosine_decay_learning_rate {{learning_rate_base: 0.02 total_steps: {STEPS} "
    "warmup_learning_rate: 0.002 warmup_steps: 20}"
)
_OVERRIDES = (
    f"train_config.checkpoint_every_n_steps={STEPS}",
    f"train_config.optimizer={{momentum_optimizer {{learning_rate {{{_SCHEDULE}}}}} "
    "use_moving_average: false}",
    "model.faster_rcnn.second_stage_localization_loss_weight=2",
    "train_input_reader.load_instance_masks=true",
    "eval_input_reader.load_instance_masks=true",
    'eval_config.metrics_set=["coco_detection_metrics", "coco_mask_metrics"]',
)


@pytest.mark.slow
def test_mask_rcnn_overfits_boxes_and_masks(tmp_path):
    """Faster R-CNN with a branch; 15 x 15 pixels are coarse for shapes of up to 64."""
    data = tmp_path / "data"
    size = {"num_images": 4, "image_size": (128, 128)}
    synth.generate_records(data, seed=7, include_masks=True, **size)
    config = tiny_two_stage.config_for(tmp_path, data, "mask_rcnn", *_OVERRIDES)
    metrics = train(config, tmp_path / "model", num_steps=STEPS).metrics
    assert metrics["DetectionBoxes_Precision/mAP"] > 0.9
    assert metrics["DetectionMasks_Precision/mAP"] > 0.7
    assert metrics["DetectionMasks_Precision/mAP@.50IOU"] > 0.9
