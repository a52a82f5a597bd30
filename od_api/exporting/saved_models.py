"""Loading an exported detector, which may be another program's or damaged."""

import pathlib

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import HEADS_ALONE, RAW_OUTPUT

# What every detector gives, and the shape of each for one image.
OUTPUTS = {
    "detection_boxes": (1, None, 4),
    "detection_scores": (1, None),
    "detection_classes": (1, None),
    "num_detections": (1,),
}
_CURE = "name the directory that od-api export made"


def saved_model_dir(path):
    """Where the SavedModel is that a user's path means.

    Raises:
      UserError: there is none.
    """
    path = pathlib.Path(path)
    try:
        numbered = [p for p in path.glob("*") if p.name.isascii() and p.name.isdigit()]
        newest = sorted(numbered, key=lambda p: int(p.name))[-1:]
        for candidate in (path, path / "saved_model", *newest):
            if (candidate / "saved_model.pb").is_file():
                return candidate
    except ValueError:  # no path has such a character
        pass
    raise UserError(f"{printable(path)} holds no SavedModel (saved_model.pb): {_CURE}")


def load(directory):
    """The loaded SavedModel of a directory of `saved_model_dir`.

    Loading runs what the file says: only models from a trusted source may be loaded.

    Raises:
      UserError: it is damaged, or needs what this TensorFlow has not.
    """
    try:
        return tf.saved_model.load(str(directory))
    except Exception as error:  # a foreign or damaged one raises all kinds
        raise UserError(
            f"{printable(directory)} cannot be loaded as a SavedModel: "
            f"{reason(error)}. It is damaged, or was made by another program: {_CURE}"
        ) from error


def signature_of(model, directory, name="serving_default", settings=()):
    """A signature that takes one uint8 image at a time and gives detections.

    Args:
      model: of `load`.
      directory: its name in errors.
      name: of the signature.
      settings: the names of its other arguments.

    Raises:
      UserError: there is none, or it takes or gives something else.
    """
    directory = printable(directory)
    signature = getattr(model, "signatures", {}).get(name)
    if signature is None:
        raise UserError(f"{directory} has no signature {name}: {_CURE}")
    specs = signature.structured_input_signature[1]
    images = [spec for key, spec in specs.items() if key not in settings]
    if len(images) != 1 or images[0].dtype != tf.uint8:
        taken = ", ".join(f"{k} ({s.dtype.name})" for k, s in sorted(specs.items()))
        raise UserError(
            f"{directory} takes {printable(taken) or 'nothing'}; export it with "
            "--input-type image_tensor to use it here"
        )
    if not images[0].shape.is_compatible_with([1, None, None, 3]):
        raise UserError(
            f"{directory} takes images of shape {images[0].shape}, but here it would "
            f"get one [1, height, width, 3]: {_CURE}"
        )
    outputs = signature.structured_outputs
    if RAW_OUTPUT in getattr(outputs, "keys", tuple)():
        raise UserError(f"{directory} {HEADS_ALONE}")
    missing = [o for o in OUTPUTS if o not in getattr(outputs, "keys", tuple)()]
    if missing:
        raise UserError(
            f"{directory} has no output {', '.join(missing)}, so that it is no "
            f"detector: {_CURE}"
        )
    return signature


def image_argument(signature, settings=()):
    """The spec of the argument of a signature that takes the image; it has a name."""
    specs = signature.structured_input_signature[1]
    return next(spec for name, spec in specs.items() if name not in settings)


def run(signature, image, **settings):
    """What a detector finds in one image; as `run_batch`, of uint8 [h, w, 3]."""
    return run_batch(signature, image[None], **settings)[0]


def run_batch(signature, images, **settings):
    """What a detector finds in images, without the rows that hold nothing.

    Args:
      signature: of `signature_of`.
      images: uint8 [B, h, w, 3].
      **settings: further arguments of the signature.

    Returns:
      B times {output name: array without the batch}, N rows in `detection_*`.

    Raises:
      UserError: the model fails on it, or its outputs are no detections.
    """
    images, spec = tf.constant(images), image_argument(signature, settings)
    # A signature called with another shape may well give nonsense.
    if not spec.shape.is_compatible_with(images.shape):
        raise UserError(
            f"the model takes images of shape {spec.shape}, not images of shape "
            f"{images.shape}"
        )
    try:
        outputs = signature(**{spec.name: images}, **settings)
        outputs = {name: np.asarray(value) for name, value in outputs.items()}
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise UserError(f"the model fails: {reason(error)}") from error
    return image_by_image(outputs, len(images))


def image_by_image(outputs, number):
    """Outputs of a batch of so many images -> what `run_batch` returns.

    Raises:
      UserError: they are no detections of so many images.
    """
    _check_shapes(outputs, number)
    return [_of_image({n: v[i] for n, v in outputs.items()}) for i in range(number)]


def _check_shapes(outputs, number):
    for name, (_, *rest) in OUTPUTS.items():
        shape, want = outputs[name].shape, (number, *rest)
        fits = len(shape) == len(want) and all(
            w in (None, s) for w, s in zip(want, shape, strict=True)
        )
        if not fits:
            raise UserError(f"the model's {name} has shape {shape} and not {want}")
    for name, value in outputs.items():
        if value.shape[:1] != (number,):
            raise UserError(
                f"the model's {printable(name)} has shape {value.shape}, which is not "
                f"of {number} images"
            )


def _of_image(outputs):
    """Outputs of one image without the rows that hold nothing.

    Raises:
      UserError: it says more detections than it has.
    """
    count = outputs["num_detections"]
    rows = min(len(outputs[name]) for name in OUTPUTS if name != "num_detections")
    if not 0 <= count <= rows:
        raise UserError(f"the model says {count} detections, but has {rows} rows")
    return {
        name: value[: int(count)] if name.startswith("detection_") else value
        for name, value in outputs.items()
    }


def reason(error):
    """The first line of what an error of TensorFlow says, made short."""
    text = str(getattr(error, "message", None) or error) or type(error).__name__
    text = text.strip().splitlines()[0].split("}} ")[-1].split(" [Op:")[0]
    return printable(text if len(text) < 300 else text[:300] + "...")
