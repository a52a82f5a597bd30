"""Fields that are refused where the part is built or the records are read.

Those that are refused before anything is built are `REFUSED_FIELDS` of
`compatibility.py`. Here is what they would do; the part's own error says what instead.
"""

_CONTEXT = "it is part of Context R-CNN"
_SCORES = "od_api does not train on class confidences"

REFUSED_BY_PARTS = {
    "Ssd": {
        "use_confidences_as_targets": _SCORES,
        "explicit_background_class": "the background is no class of the label map",
    },
    "Loss": {
        "expected_loss_weights": "od_api does not offer expected loss weights",
        "equalization_loss": "od_api does not offer the equalization loss",
    },
    "FasterRcnn": {
        "context_config": _CONTEXT,
        "output_final_box_features": "features of final boxes are no output",
        "output_final_box_rpn_features": "cropped features are no output",
    },
    "InputReader": {
        "external_input_reader": "readers are those of this schema",
        "input_type": "TF_SEQUENCE_EXAMPLE is not read: write one tf.Example a frame",
        "num_additional_channels": "images have three channels",
        "load_context_features": _CONTEXT,
        "load_context_image_ids": _CONTEXT,
        "load_dense_pose": "DensePose's surface coordinates are not read",
        "load_track_id": "tracks are not read",
        "load_keypoint_depth_features": "depths of keypoints are not read",
        "use_keypoint_label_map": "keypoints are read in their order",
    },
}
