"""The models that both sides build: old config texts, by name.

Those of tests/golden, with other extractors. Each name ends with the TensorFlow whose
old API makes its network: `_tf1` (slim) or `_tf2` (Keras).
"""

import re


def texts(old_models, old_two_stage):
    """{name: text of a DetectionModel}; takes the modules of tests/golden."""
    single, double = old_models.MODELS, old_two_stage.MODELS
    found = {f"{name}_tf2": text for name, (text, _) in single.items()}
    found |= {f"{name}_tf2": text for name, text in double.items()}
    found["ssd_mobilenet_v1_half_tf2"] = found["ssd_mobilenet_v1_tf2"].replace(
        "depth_multiplier: 1.0", "depth_multiplier: 0.5"
    )
    for name in [n for n in found if "half" not in n and "resnet50_fpn" not in n]:
        found[name.replace("_tf2", "_tf1")] = found[name].replace("_keras", "")
    plain = found["ssd_mobilenet_v1_tf1"]
    found["ssd_inception_v2_tf1"] = plain.replace("mobilenet_v1", "inception_v2")
    faster = found["faster_rcnn_resnet50_tf1"]
    found["faster_rcnn_inception_v2_tf1"] = faster.replace("resnet50", "inception_v2")
    masks = found["mask_rcnn_resnet50_tf1"]
    found["mask_rcnn_inception_v2_tf1"] = masks.replace("resnet50", "inception_v2")
    for name in [n for n in found if "resnet50" in n]:
        for depth in ("resnet101", "resnet152"):
            deeper = found[name].replace("resnet50", depth)
            found[name.replace("resnet50", depth)] = deeper
    return {name: _sane(text) for name, text in sorted(found.items())}


def _sane(text):
    """Fewer boxes whose scores are the same, which could come in any order."""
    return re.sub(r"score_threshold: 0\.\d+", "score_threshold: 0.001", text)
