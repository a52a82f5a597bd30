"""On which parameter server a variable lives."""

import contextlib

import tensorflow as tf


class _Server:
    """Names a device, in the form in which variables are asked to be beside another."""

    def __init__(self, index):
        self.name = self.device = f"/job:ps/task:{index}/device:CPU:0"
        self.bytes = 0


@contextlib.contextmanager
def variables_by_size(strategy):
    """Within the block each new variable goes to the server that holds least.

    TensorFlow deals variables out in turn, which may put the two largest on one server
    and make it the bottleneck of every step. A variable that is made beside another one
    (a slot) stays there, and its bytes count for that server.

    Args:
      strategy: a tf.distribute.Strategy; nothing changes but under
        ParameterServerStrategy.

    Yields:
      list of the servers; `bytes` of each is what it holds.
    """
    servers = [_Server(i) for i in range(_num_servers(strategy))]

    def create(next_creator, **kwargs):
        value = kwargs["initial_value"]
        value = tf.convert_to_tensor(
            value() if callable(value) else value, dtype=kwargs.get("dtype")
        )
        kwargs["initial_value"] = value
        neighbour = kwargs.get("colocate_with")
        if neighbour is None:
            server = min(servers, key=lambda s: s.bytes)
            kwargs["colocate_with"] = server
        else:
            task = tf.DeviceSpec.from_string(neighbour.device).task
            server = servers[task]
        server.bytes += value.dtype.size * value.shape.num_elements()
        return next_creator(**kwargs)

    if not servers:
        yield servers
        return
    with tf.variable_creator_scope(create):
        yield servers


def _num_servers(strategy):
    if not isinstance(strategy, tf.distribute.ParameterServerStrategy):
        return 0
    devices = tf.config.list_logical_devices("CPU")
    return sum(tf.DeviceSpec.from_string(d.name).job == "ps" for d in devices)
