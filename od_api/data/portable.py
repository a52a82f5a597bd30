"""Whether a step of the input pipeline can run on another machine."""

import tensorflow as tf

from od_api.core.errors import ConfigError

# Ops that call back into the Python process that made them.
_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def traced_to_send(function, specs):
    """`function`, traced, if workers in other processes can run it as it is.

    Args:
      function: what `Dataset.map` is to call.
      specs: tuple of the tf.TensorSpecs of its arguments.

    Returns:
      A callable of as many tensors.

    Raises:
      ConfigError: it calls Python code, or refers to a table or a variable of this
        process. The package's own steps do neither.
    """
    traced = tf.function(function, autograph=False).get_concrete_function(*specs)
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    python = sorted({node.op for node in nodes} & _PYTHON)
    held = sorted(
        operation.type
        for outer, inner in traced.graph.captures
        if outer.dtype in (tf.resource, tf.variant)
        for operation in inner.consumers()
    )
    if python or held:
        what = "Python code" if python else "a table or variable"
        raise ConfigError(
            f"an augmentation uses {what} ({', '.join(python or held)}), which exists "
            "only in the process that made it, and asynchronous workers are others: "
            "write it of TensorFlow ops alone, or train on one machine",
            "train_config.data_augmentation_options",
        )
    return traced
