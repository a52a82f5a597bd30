"""A detector as StableHLO: portable programs of static shapes, which JAX loads.

TensorFlow compiles the static form of the graph for each batch size, JAX keeps it as a
versioned artifact (https://openxla.org/stablehlo/compatibility). Importing this raises
UserError where the extra is missing.
"""

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.engines import stablehlo_engine
from od_api.system.extras import needed

jax = needed("jax", stablehlo_engine.EXTRA)
export = needed("jax.export", stablehlo_engine.EXTRA, "jax")
jax2tf = needed("jax.experimental.jax2tf", stablehlo_engine.EXTRA, "jax")

# What TensorFlow compiles for here. The operations are of no kind of machine, and JAX
# compiles them where they run: so it is not asked to refuse others.
_PLATFORMS = ("cpu",)
# What stands in a program that calls TensorFlow in place of having its operations.
_CALLS_BACK = (b"tf.call_tf_function", b"xla_python_cpu_callback")


def write(module, folder, metadata, batch_sizes=(1,)):
    """Writes model.stablehlo of a ServingModule, whose detector has its static form.

    Args:
      module: ServingModule that takes pixels of a known size.
      folder: that is there.
      metadata: {key: text} to keep in the model.
      batch_sizes: a program is written for each.

    Returns:
      The StableHloModel of what was written.

    Raises:
      UserError: XLA cannot compile the graph.
    """
    programs = {size: _program(module.with_batch(size)) for size in batch_sizes}
    path = folder / stablehlo_engine.FILE_NAME
    shape = module.specs[0].shape.as_list()[1:]
    stablehlo_engine.write(path, programs, shape, metadata)
    return stablehlo_engine.StableHloModel(path)


def _program(module):
    """The bytes of a program."""
    (spec,) = module.specs
    shape = spec.shape.as_list()
    # XLA tells no sizes of what TensorFlow left open: a run does.
    outputs = module.__call__(tf.zeros(shape, spec.dtype))
    shapes = {
        name: jax.ShapeDtypeStruct(value.shape, value.dtype.as_numpy_dtype)
        for name, value in outputs.items()
    }
    run = jax2tf.call_tf(
        module.__call__, has_side_effects=False, output_shape_dtype=shapes
    )
    try:
        exported = export.export(
            jax.jit(run),
            platforms=_PLATFORMS,
            disabled_checks=[export.DisabledSafetyCheck.platform()],
        )
        program = exported(jax.ShapeDtypeStruct(shape, np.uint8)).serialize()
    except Exception as error:  # of many kinds, without a common one
        reason = str(error).strip().split("\n")[0][:300]
        raise UserError(
            "this detector cannot be written as StableHLO: "
            f"{reason or type(error).__name__}"
        ) from error
    if any(name in program for name in _CALLS_BACK):
        raise UserError(
            "this detector cannot be written as StableHLO: a part of it calls back "
            "into TensorFlow"
        )
    return program
