"""The configs that both sides get: the shipped ones, as the old API can read them."""

import pathlib
import re

_CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
_SSD = "ssd/ssd_mobilenet_v1_300x300_coco.config"
_FPN = "ssd/ssd_resnet50_v1_fpn_640x640_coco.config"
_FASTER = "faster_rcnn/faster_rcnn_resnet101_600x1024_coco.config"

# The old API on TensorFlow 2 knows extractors by these names alone.
_KERAS = {
    name: name + "_keras" for name in ("ssd_mobilenet_v1", "faster_rcnn_resnet101")
}
_SHORTER_SIDE_600 = "min_dimension: 600 max_dimension: 1024"
_SQUARE_640 = "min_dimension: 640 max_dimension: 640 pad_to_max_dimension: true"
_ALL_PROPOSALS = "first_stage_max_proposals: 300"

# name: (config, pixels of the square image, replacements)
NETWORKS = {
    "ssd_mobilenet_v1_300": (_SSD, 300, {}),
    "ssd_resnet50_fpn_640": (_FPN, 640, {}),
    "faster_rcnn_resnet101_640_300_proposals": (
        _FASTER,
        640,
        {_SHORTER_SIDE_600: _SQUARE_640},
    ),
    "faster_rcnn_resnet101_640_10_proposals": (
        _FASTER,
        640,
        {
            _SHORTER_SIDE_600: _SQUARE_640,
            _ALL_PROPOSALS: "first_stage_max_proposals: 10",
        },
    ),
}


def side_of(network):
    """Pixels of its square image."""
    return NETWORKS[network][1]


def text(network, *, data, batch_size):
    """The text of a pipeline.config.

    No weights to start from, no moving averages of weights (the old API would train
    twice with them), augmentations as shipped.

    Args:
      network: a key of NETWORKS.
      data: folder of `scenes.record-*` and `label_map.pbtxt`.
      batch_size: of training.
    """
    name, _, changes = NETWORKS[network]
    made = (_CONFIGS / name).read_text()
    for old, new in changes.items():
        made = _replaced(made, re.escape(old), new)
    for old, new in _KERAS.items():
        made = made.replace(f'"{old}"', f'"{new}"')
    made = _replaced(made, r'\n *fine_tune_checkpoint: ".*"', "")
    made = _replaced(
        made, r"(train_config \{[^}]*?batch_size: )\d+", rf"\g<1>{batch_size}"
    )
    made = re.sub(r"\n *use_moving_average: \w+", "", made)
    made = _replaced(made, r"optimizer \{", "optimizer { use_moving_average: false", 1)
    made = _replaced(made, '"LABEL_MAP.pbtxt"', f'"{data}/label_map.pbtxt"')
    return _replaced(made, r'"(TRAIN|VAL)\.record.*"', f'"{data}/scenes.record-*"')


def _replaced(made, pattern, new, count=0):
    made, found = re.subn(pattern, new, made, count=count)
    if not found:
        raise ValueError(f"the shipped config has no {pattern}")
    return made
