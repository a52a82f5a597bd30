"""Two-stage detectors learn: four images, by heart."""

import pytest
import tiny_two_stage

from od_api.data.synthetic import synth
from od_api.train import train

_MASKS = (
    "train_input_reader.load_instance_masks=true",
    "eval_input_reader.load_instance_masks=true",
    'eval_config.metrics_set=["coco_detection_metrics", "coco_mask_metrics"]',
)


def _overfitted(folder, name, steps, *overrides):
    """The metrics of a tiny detector after `steps` on four images."""
    data = folder / "data"
    size = {"num_images": 4, "image_size": (128, 128)}
    synth.generate_records(data, seed=7, include_masks=True, **size)
    schedule = (
        f"cosine_decay_learning_rate {{learning_rate_base: 0.02 total_steps: {steps} "
        "warmup_learning_rate: 0.002 warmup_steps: 20}"
    )
    config = tiny_two_stage.config_for(
        folder,
        data,
        name,
        f"train_config.checkpoint_every_n_steps={steps}",
        "train_config.optimizer={momentum_optimizer {learning_rate {"
        + schedule
        + "}} use_moving_average: false}",
        "model.faster_rcnn.second_stage_localization_loss_weight=2",
        *overrides,
    )
    return train(config, folder / "model", num_steps=steps).metrics


@pytest.mark.slow
def test_rfcn_overfits_boxes(tmp_path):
    metrics = _overfitted(tmp_path, "rfcn", 800)
    assert metrics["DetectionBoxes_Precision/mAP"] > 0.9


@pytest.mark.slow
def test_mask_rcnn_overfits_boxes_and_masks(tmp_path):
    """Faster R-CNN with a branch; 15 x 15 pixels are coarse for shapes of up to 64."""
    metrics = _overfitted(tmp_path, "mask_rcnn", 400, *_MASKS)
    assert metrics["DetectionBoxes_Precision/mAP"] > 0.9
    assert metrics["DetectionMasks_Precision/mAP"] > 0.7
    assert metrics["DetectionMasks_Precision/mAP@.50IOU"] > 0.9
