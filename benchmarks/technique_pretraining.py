"""Weights of backbones, which all that techniques.py trains starts from.

As detectors of this field start from ImageNet: a thousand steps from random weights
learn next to nothing, and say nothing of a technique. Each kind of network is trained
once, in a plain detector, on scenes that no technique sees.
"""

import toy_scale

from od_api.config.loading import load_config
from od_api.system import shipped

STEPS = 3000
BATCH_SIZE = 16
# {network: the detector that it is trained in, below configs}
DETECTORS = {
    "mobilenet_v1": "ssd/ssd_resnet50_v1_fpn_640x640_coco.config",
    "resnet": "ssd/ssd_resnet50_v1_fpn_640x640_coco.config",
    "vgg16": "techniques/ssd_vgg16_low_rank_conv.config",
}


def config_of(network, data):
    """The toy TrainEvalPipelineConfig that trains one of DETECTORS.

    Args:
      network: a name of DETECTORS.
      data: folder of scenes, as in toy_scale.toy.
    """
    config = load_config(shipped.folder() / DETECTORS[network])
    extractor = config.model.ssd.feature_extractor
    extractor.conv_hyperparams.ClearField("low_rank")
    keep = network == "resnet"
    toy_scale.toy(config, data, steps=STEPS, batch_size=BATCH_SIZE, keep_resnet=keep)
    assert toy_scale.backbone_name(config) == network
    return config


def start_from(config, folder):
    """Lets a toy config start from the weights of its network.

    Args:
      folder: has a model directory for each of DETECTORS.
    """
    network = toy_scale.backbone_name(config)
    settings = config.train_config
    settings.fine_tune_checkpoint = str(folder / network / f"ckpt-{STEPS}")
    settings.fine_tune_checkpoint_type = "classification"
