"""What can be wrong with the keypoints of one tf.Example: how many there are."""

_KEYS = tuple(f"image/object/keypoint/{name}" for name in ("y", "x", "visibility"))


def check_keypoints(features, num_boxes, num_keypoints=0):
    """Keypoints against boxes; yields (severity, kind, detail).

    Args:
      features: {key: list} of the record.
      num_boxes: boxes of the record.
      num_keypoints: of every box, as the reader asks; 0 if it does not.
    """
    y, x, visibility = (len(features.get(key, [])) for key in _KEYS)
    counts = f"{y} y, {x} x and {visibility} visibility"
    if num_keypoints and (x, y) != (num_boxes * num_keypoints,) * 2:
        yield (
            "error",
            "list_lengths",
            f"keypoints have {counts}; {num_boxes} boxes with num_keypoints "
            f"{num_keypoints} need {num_boxes * num_keypoints}",
        )
    elif x != y or visibility not in (0, x):
        yield "error", "list_lengths", f"keypoints have {counts}: not the same number"
    elif x and (not num_boxes or x % num_boxes):
        detail = f"{x} keypoints are no multiple of the {num_boxes} boxes"
        yield "error", "list_lengths", detail
