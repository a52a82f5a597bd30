"""Does an exported model find what the checkpoint finds? Measured, not assumed."""

import contextlib

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.exporting import serving

# Largest differences allowed between the checkpoint and what was exported.
BOX_LIMIT_PIXELS = 1e-3
SCORE_LIMIT = 1e-5
_LIMITS = {"boxes": BOX_LIMIT_PIXELS, "scores": SCORE_LIMIT}
# Sizes of the test images: one is wider than high, so that padding takes part.
_SIZES = ((300, 300), (240, 401))
_COMPARED = ("raw_detection_boxes", "raw_detection_scores")
_CLASSES = ("image_class_scores",)
# Of blank images, in which less is found than in noise.
_SHADES = (0, 127, 255)
# Ranked candidates are chosen by scores, some of which are nearly equal: rounding puts
# them in another order, and lets another one through here and there.
_SHARE_OF_RANKED = 0.9


def check(model, detector, inputs, is_exact=True):
    """Compares an exported model with the detector it was made of on seeded images.

    All candidates are compared: the order of final detections may turn on a tie. Where
    the candidates are ranked, each is compared with the nearest one, and nine tenths of
    them must agree. Every output, final detections and what stands behind the last of
    them included, must be finite numbers, on blank images, too.

    Args:
      model: takes the values of a request, gives {output name: tensor or array}.
      detector: the detector, with its weights.
      inputs: SignatureInputs, what the model takes.
      is_exact: the limits hold; not of models of a lower precision.

    Returns:
      {"boxes": pixels, "scores": difference}, the largest ones; scores alone of a
      detector that finds no boxes.

    Raises:
      UserError: they differ by more than the limits, or are not finite.
    """
    compare, found = _comparison(detector), []
    rng = np.random.default_rng(0)
    with _exact_products():
        for height, width in dict.fromkeys(inputs.size_for(*s) for s in _SIZES):
            image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            answers, want, shape = _outputs_of_both(model, detector, inputs, image)
            for got in answers:
                found.append(compare(got, want, shape))
                refuse_not_finite(got, "noise")
        _check_blank(model, inputs)
    # np.max, unlike max, lets a difference that is not a number through.
    worst = {name: float(np.max([f[name] for f in found])) for name in found[0]}
    limits = _LIMITS if is_exact else dict.fromkeys(_LIMITS, np.finfo(float).max)
    if not all(value <= limits[name] for name, value in worst.items()):
        raise UserError(
            f"the exported model differs from the checkpoint: {_worded(worst)}; "
            "nothing was exported"
        )
    return worst


def _outputs_of_both(model, detector, inputs, image):
    """What a model and its detector say of an image, and the resized (H, W).

    Of a model that can be prepared for its shape twice: before that, and after.
    """
    request = inputs.example(image)
    answers = [model(*request.values())]
    if prepare := getattr(model, "prepare", None):
        prepare([inputs.batch, *image.shape])
        answers.append(model(*request.values()))
    batch = np.repeat(image[None], inputs.batch, axis=0)
    images, true_shapes = serving.resize(detector.resizer, batch)
    shape = tf.constant(image.shape[:2])
    further = serving.further_inputs(
        detector.reads, shape, true_shapes, request.get("boxes")
    )
    want = serving.outputs_of(detector, images, true_shapes, *further)
    return answers, want, images.shape[1:3]


def _check_blank(model, inputs):
    """Looks at the places behind the last detection: one shade after the other, until
    there are some. Candidates are not compared: on such images many are equal."""
    height, width = inputs.size_for(*_SIZES[0])
    for shade in _SHADES:
        image = np.full((height, width, 3), shade, np.uint8)
        got = model(*inputs.example(image).values())
        refuse_not_finite(got, f"an image of {shade} alone")
        if _has_room(got):
            return


def _has_room(outputs):
    """Whether an image has fewer detections than there are places."""
    if "num_detections" not in outputs:
        return True
    places = np.shape(outputs["detection_scores"])[1]
    return np.min(outputs["num_detections"]) < places


def refuse_not_finite(outputs, image):
    """Raises UserError where an output of an exported model has NaN or infinity.

    Args:
      outputs: {name: array}, of any formats and precisions.
      image: what it was found in, for the message.
    """
    for name, values in outputs.items():
        if not np.isfinite(np.asarray(values)).all():
            raise UserError(
                f"the exported model's {name} of {image} are not all finite numbers: "
                "nothing was exported. Try another --format or --precision, or an "
                "earlier checkpoint"
            )


def _comparison(detector):
    if not detector.finds_boxes:
        return of_classes
    return of_ranked if detector.candidates_are_ranked else differences


def _worded(worst):
    """`boxes by 2 px (limit 0.001), scores by ...`."""
    return ", ".join(
        f"{name} by {value:.3g}{' px' if name == 'boxes' else ''} "
        f"(limit {_LIMITS[name]:g})"
        for name, value in worst.items()
    )


def differences(got, want, padded_shape):
    """The largest differences of raw boxes, in pixels, and of raw scores.

    Boxes are cut off at the image, as detections are: an edge far outside it would be
    held to a precision that float32 does not have there.

    Args:
      got: outputs of the exported model.
      want: outputs of the detector.
      padded_shape: (H, W).

    Raises:
      UserError: the detector's outputs are not finite.
    """
    boxes, scores = zip(*_compared((got, want), padded_shape), strict=True)
    return {
        "boxes": np.abs(boxes[0] - boxes[1]).max(),
        "scores": np.abs(scores[0] - scores[1]).max(),
    }


def of_ranked(got, want, padded_shape):
    """As `differences`, of the candidates that are found by both.

    Args and errors are those of `differences`. If less than nine tenths are found by
    both, one of the numbers is above its limit.
    """
    found, expected = (
        np.concatenate(outputs, axis=-1)
        for outputs in _compared((got, want), padded_shape)
    )
    apart = {"boxes": [], "scores": []}
    for image, candidates in enumerate(expected):
        # Places without a candidate all hold the same and would count as agreeing.
        candidates = np.unique(candidates, axis=0)
        difference = np.abs(candidates[:, None] - found[image])
        of_boxes, of_scores = difference[..., :4].max(-1), difference[..., 4:].max(-1)
        nearest = (of_boxes / BOX_LIMIT_PIXELS + of_scores / SCORE_LIMIT).argmin(1)
        rows = np.arange(len(nearest))
        apart["boxes"] += list(of_boxes[rows, nearest])
        apart["scores"] += list(of_scores[rows, nearest])
    return {
        name: np.quantile(values, _SHARE_OF_RANKED, method="higher")
        for name, values in apart.items()
    }


def of_classes(got, want, padded_shape):
    """The largest difference of the scores of a classifier, as {"scores": difference}.

    Args and errors are those of `differences`.
    """
    del padded_shape
    found, expected = (o["image_class_scores"] for o in _finite((got, want), _CLASSES))
    return {"scores": np.abs(found - expected).max()}


def _compared(outputs, padded_shape):
    """(boxes [B, A, 4] in pixels, scores [B, A, K]) of the model and the detector."""
    outputs = _finite(outputs, _COMPARED)
    return [
        (np.clip(boxes, 0, 1) * np.tile(padded_shape, 2), scores)
        for boxes, scores in (o.values() for o in outputs)
    ]


def _finite(outputs, names):
    """These outputs of the model and the detector, as arrays; the latter's finite."""
    outputs = [{n: np.asarray(o[n]) for n in names} for o in outputs]
    for name in names:
        if not np.isfinite(outputs[1][name]).all():
            raise UserError(
                f"the checkpoint's {name} are not all finite numbers: its training "
                "diverged; export an earlier one"
            )
    return outputs


@contextlib.contextmanager
def _exact_products():
    """GPUs multiply in float32, not in TF32, whose error is above the limits."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
