"""Two-stage detectors learn: four images, by heart."""

import pytest
import tiny
import tiny_two_stage

from od_api.train import train


@pytest.mark.slow
@pytest.mark.parametrize("name, steps", [("faster_rcnn", 400), ("rfcn", 800)])
def test_four_images_are_overfitted(name, steps, tmp_path):
    schedule = (
        f"cosine_decay_learning_rate {{learning_rate_base: 0.02 total_steps: {steps} "
        "warmup_learning_rate: 0.002 warmup_steps: 20}"
    )
    config = tiny_two_stage.config_for(
        tmp_path,
        tiny.make_data(tmp_path, num_images=4),
        name,
        f"train_config.checkpoint_every_n_steps={steps}",
        "train_config.optimizer={momentum_optimizer {learning_rate {"
        + schedule
        + "}} use_moving_average: false}",
        "model.faster_rcnn.second_stage_localization_loss_weight=2",
    )
    result = train(config, tmp_path / "model", num_steps=steps)
    assert result.metrics["DetectionBoxes_Precision/mAP"] > 0.9
