"""What a served model says of its signatures, and which one is asked."""

from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import HEADS_ALONE, RAW_OUTPUT
from od_api.exporting import saved_models
from od_api.exporting.serving import FINAL_OUTPUTS, WARM_SIGNATURES

# Of images; strings are files.
_TAKEN = (tf.uint8, tf.float32, tf.string)


class ServedSignature(NamedTuple):
    """One of them.

    Attributes:
      name: of the signature.
      inputs: {argument: tf.TensorSpec}.
      outputs: their names.
    """

    name: str
    inputs: dict[str, Any]
    outputs: frozenset

    @property
    def image(self):
        """(argument, tf.TensorSpec) of the images."""
        return next(iter(self.inputs.items()))

    @property
    def wanted(self):
        """The outputs that are asked for, of those that it has."""
        return [name for name in FINAL_OUTPUTS if name in self.outputs]


def read_signatures(definitions):
    """{name: ServedSignature} of a map of SignatureDefs; what is for loading is not."""
    return {
        name: ServedSignature(
            name,
            {key: _spec(info) for key, info in definition.inputs.items()},
            frozenset(definition.outputs),
        )
        for name, definition in definitions.items()
        if not name.startswith("__")
    }


def chosen(signatures, address):
    """The ServedSignature that gives the least: `detections`, else `serving_default`.

    Args:
      signatures: of `read_signatures`.
      address: ServedAddress, for messages.

    Raises:
      UserError: there is none, or it is not that of a detector of images.
    """
    where = printable(address.text)
    found = [signatures[n] for n in reversed(WARM_SIGNATURES) if n in signatures]
    if not found:
        names = printable(", ".join(sorted(signatures))) or "none"
        raise UserError(
            f"{where} has no signature {' or '.join(reversed(WARM_SIGNATURES))} (its "
            f"signatures: {names})"
        )
    signature = found[0]
    if RAW_OUTPUT in signature.outputs:
        raise UserError(f"{where} {HEADS_ALONE}")
    if missing := [o for o in saved_models.OUTPUTS if o not in signature.outputs]:
        raise UserError(
            f"{where} has no output {', '.join(missing)}, so that it is no detector"
        )
    specs = [spec for _, spec in sorted(signature.inputs.items())]
    if len(specs) != 1 or specs[0].dtype not in _TAKEN:
        pairs = sorted(signature.inputs.items())
        taken = ", ".join(f"{name} ({spec.dtype.name})" for name, spec in pairs)
        raise UserError(
            f"{where} takes {printable(taken) or 'nothing'}, and here images are sent "
            "alone, as uint8, float32 or files: export it with --input-type "
            "encoded_image_string_tensor or image_tensor"
        )
    return signature


def _spec(info):
    shape = tf.TensorShape(info.tensor_shape)
    try:
        dtype = tf.as_dtype(info.dtype)
    except TypeError:  # of a later TensorFlow
        dtype = tf.variant
    return tf.TensorSpec(shape, dtype)
