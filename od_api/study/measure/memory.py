"""How much memory inference needs, of a process or of a GPU's allocator.

On a GPU: the peak of TensorFlow's allocator. On a CPU, whose allocator keeps no
statistics: the peak of the resident set (VmHWM of /proc/self/status) less what was
resident before the model was loaded. Both include the weights. The second also has
what libraries allocate for themselves, so that small models look larger than their
tensors; the process must be fresh, because memory that was freed before may be used
again without being counted.
"""

import contextlib
import ctypes
import pathlib

_STATUS = pathlib.Path("/proc/self/status")
_CLEAR = pathlib.Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


class ResidentMemory:
    """The peak from now on of this process; make one before the model is loaded.

    Attributes:
      kind: "resident set".
    """

    kind = "resident set"

    def __init__(self):
        # Without this, what was freed is filled again and not counted.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        with contextlib.suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK)
        self._before = _resident("VmRSS")

    def bytes(self):
        """The peak so far."""
        return max(self.of_process() - self._before, 0)

    def of_process(self):
        """The peak of all that the process holds, its libraries among it."""
        return _resident("VmHWM")


class PeakMemory:
    """The peak from now on of TensorFlow; make one before the model is loaded.

    Attributes:
      kind: "gpu allocator" or "resident set".
    """

    def __init__(self):
        import tensorflow as tf

        self._memory_info = tf.config.experimental.get_memory_info
        # TensorFlow's own pools and threads appear with the first operation.
        tf.reduce_sum(tf.ones([64, 64]) @ tf.ones([64, 64])).numpy()
        self._resident = ResidentMemory()
        self.kind = self._resident.kind
        if tf.config.list_physical_devices("GPU"):
            self.kind = "gpu allocator"
            tf.config.experimental.reset_memory_stats("GPU:0")

    def bytes(self):
        """The peak so far."""
        if self.kind == "gpu allocator":
            return int(self._memory_info("GPU:0")["peak"])
        return self._resident.bytes()

    def of_process(self):
        """As of ResidentMemory."""
        return self._resident.of_process()


def _resident(field):
    """Bytes of a line of /proc/self/status."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} has no {field}")
