"""Boxes, names, masks and keypoints on images, under the old API's names.

Images are uint8 [h, w, 3] NumPy arrays that are drawn on in place.
"""

import io

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from od_api.pictures.draw import color_of, draw_over, tinted

_AGNOSTIC = "DarkOrange"


def visualize_boxes_and_labels_on_image_array(
    image,
    boxes,
    classes,
    scores,
    category_index,
    instance_masks=None,
    instance_boundaries=None,
    keypoints=None,
    keypoint_scores=None,
    keypoint_edges=None,
    track_ids=None,
    use_normalized_coordinates=False,
    max_boxes_to_draw=20,
    min_score_thresh=0.5,
    agnostic_mode=False,
    line_thickness=4,
    mask_alpha=0.4,
    groundtruth_box_visualization_color="black",
    skip_boxes=False,
    skip_scores=False,
    skip_labels=False,
    skip_track_ids=False,
):
    """Draws detections, the best on top; a class has the same colour in all pictures.

    Args:
      image: uint8 [h, w, 3]; it is changed.
      boxes: [N, 4].
      classes: [N] ids of the label map.
      scores: [N]; None: boxes are ground truth, all drawn, in one colour.
      category_index: {id: {"name"}}; an id that it lacks is shown as N/A.
      instance_masks: uint8 [N, h, w], not 0 on the objects.
      instance_boundaries: the same, drawn opaque.
      keypoints: [N, M, 2] (y, x).
      keypoint_scores: [N, M]; those below min_score_thresh are not drawn.
      keypoint_edges: [(i, j)]: lines between keypoints.
      track_ids: [N], shown beside the names.
      use_normalized_coordinates: boxes and keypoints are in 0..1, not in pixels.
      max_boxes_to_draw: the first so many rows; None: all.
      min_score_thresh: rows below are not drawn.
      agnostic_mode: one colour and no names.
      line_thickness: pixels.
      mask_alpha: share of the colour in a mask's pixels, 0..1.
      groundtruth_box_visualization_color: a name of PIL.
      skip_boxes, skip_scores, skip_labels, skip_track_ids: what is not drawn.

    Returns:
      The image.
    """
    scale = _scale(image, use_normalized_coordinates)
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    rows = _drawn_rows(len(boxes), scores, max_boxes_to_draw, min_score_thresh)
    only = groundtruth_box_visualization_color if scores is None else None
    only = _AGNOSTIC if agnostic_mode and scores is not None else only
    colors = [
        ImageColor.getrgb(only) if only else color_of(int(classes[i]) - 1) for i in rows
    ]
    for masks, share in ((instance_masks, mask_alpha), (instance_boundaries, 1.0)):
        if masks is not None:
            image[:] = tinted(image, [masks[i] for i in rows], colors, share)
    names = not skip_labels and not agnostic_mode and scores is not None
    labels = [
        _label(
            names and (int(classes[i]), category_index),
            None if skip_scores or scores is None else scores[i],
            None if skip_track_ids or track_ids is None else track_ids[i],
        )
        for i in rows
    ]
    if not skip_boxes:
        picture = Image.fromarray(image)
        draw_over(
            picture, boxes[rows] * np.tile(scale, 2), labels, colors, line_thickness
        )
        image[:] = np.asarray(picture)
    if keypoints is not None:
        for i, color in zip(rows, colors, strict=True):
            shown = keypoint_scores is None or keypoint_scores[i] >= min_score_thresh
            points = np.where(shown, np.transpose(keypoints[i]), np.nan).T
            _draw_points(image, points * scale, color, line_thickness, keypoint_edges)
    return image


def draw_bounding_boxes_on_image_array(
    image, boxes, color="red", thickness=4, display_str_list_list=()
):
    """Draws boxes [N, 4] in 0..1, in one colour; N lists of texts stand beside them."""
    picture = Image.fromarray(image)
    texts = [" ".join(t) for t in display_str_list_list] or [""] * len(boxes)
    colors = [ImageColor.getrgb(color)] * len(boxes)
    scale = _scale(image, True)
    draw_over(picture, np.asarray(boxes) * np.tile(scale, 2), texts, colors, thickness)
    np.copyto(image, np.asarray(picture))


def draw_bounding_box_on_image_array(
    image,
    ymin,
    xmin,
    ymax,
    xmax,
    color="red",
    thickness=4,
    display_str_list=(),
    use_normalized_coordinates=True,
):
    """Draws one box; texts stand beside it."""
    scale = _scale(image, use_normalized_coordinates)
    picture = Image.fromarray(image)
    box = np.array([ymin, xmin, ymax, xmax], float) * np.tile(scale, 2)
    text = " ".join(display_str_list)
    draw_over(picture, [box], [text], [ImageColor.getrgb(color)], thickness)
    np.copyto(image, np.asarray(picture))


def draw_mask_on_image_array(image, mask, color="red", alpha=0.4):
    """Mixes a colour into the pixels where mask [h, w] is not 0."""
    image[:] = tinted(image, [mask], [ImageColor.getrgb(color)], alpha)


def draw_keypoints_on_image_array(
    image,
    keypoints,
    keypoint_scores=None,
    min_score_thresh=0.5,
    color="red",
    radius=2,
    use_normalized_coordinates=True,
    keypoint_edges=None,
):
    """Draws keypoints [M, 2] (y, x), and lines between them."""
    points = np.asarray(keypoints, float) * _scale(image, use_normalized_coordinates)
    if keypoint_scores is not None:
        points[np.asarray(keypoint_scores) < min_score_thresh] = np.nan
    _draw_points(image, points, ImageColor.getrgb(color), 2 * radius, keypoint_edges)


def encode_image_array_as_png_str(image):
    """A uint8 image -> the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def save_image_array_as_png(image, output_path):
    """Writes a uint8 image as a PNG file."""
    Image.fromarray(image).convert("RGB").save(output_path, "PNG")


def _scale(image, normalized):
    """(pixels for each unit of y, of x)."""
    return np.array(image.shape[:2] if normalized else (1, 1), float)


def _drawn_rows(count, scores, most, threshold):
    """Indices of what is drawn, of the first `most` rows."""
    rows = np.arange(count if most is None else min(count, most))
    if scores is None:
        return rows
    return rows[np.asarray(scores)[rows] > threshold]


def _label(named, score, track_id):
    """`name: 93%: ID 7`, of what there is.

    Args:
      named: (class id, category index), or False.
      score: 0..1, or None.
      track_id: or None.
    """
    parts = []
    if named:
        class_id, index = named
        parts.append(str(index[class_id]["name"]) if class_id in index else "N/A")
    if score is not None:
        parts.append(f"{round(100 * float(score))}%")
    if track_id is not None:
        parts.append(f"ID {track_id}")
    return ": ".join(parts)


def _draw_points(image, points, color, size, edges):
    """Dots of `size` pixels, and lines; points [M, 2] that are NaN are not there."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    for start, end in edges or ():
        ends = [tuple(points[i][::-1]) for i in (start, end)]
        if not np.isnan(ends).any():
            pen.line(ends, fill=color, width=max(1, size // 2))
    for y, x in points[~np.isnan(points).any(axis=1)]:
        pen.ellipse([x - size / 2, y - size / 2, x + size / 2, y + size / 2], color)
    np.copyto(image, np.asarray(picture))
