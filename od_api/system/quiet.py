"""What is printed beside our own lines: made safe to show, and less of it.

TensorFlow's libraries print a banner of notes when they load, before any setting of
theirs counts, and its Python code logs what only its authors want to know.
"""

import contextlib
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys

from od_api.core.printable import printable

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Notes and warnings of the libraries (an error begins with E, the end with F), and what
# they say of a GPU where there is none.
_NOTES = (
    r"^[IW][0-9]{4} |^[0-9-]+ [0-9:.]+: [IW] |^WARNING: All log messages before absl|"
    r"^To enable the following instructions|Unable to register cu[A-Za-z]+ factory"
)
_NO_GPU = r"|failed call to cuInit"
_GPU = pathlib.Path("/dev/nvidiactl")


def install():
    """Keeps TensorFlow's notes off the terminal; to be called before its import.

    With TF_CPP_MIN_LOG_LEVEL set to 0 or 1 they are shown.
    """
    from absl import logging

    logger = logging.get_absl_logger()
    if _safe_to_show not in logger.filters:
        logger.addFilter(_safe_to_show)
    asked_for = os.environ.setdefault(LEVEL, "2") in ("0", "1")
    if not asked_for and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


def _safe_to_show(record):
    """Leaves out notes of TensorFlow's Python code; writes escapes as text."""
    ours = f"{os.sep}tensorflow{os.sep}" not in record.pathname
    if not ours and record.levelno <= 20:
        return False
    # The handler says what is wrong with a call whose arguments do not fit.
    with contextlib.suppress(TypeError, ValueError):
        record.msg, record.args = printable(record.getMessage(), lines=True), None
    return True


class _QuietImport:
    """Loads TensorFlow, once, with standard error passed on without the banner."""

    def find_spec(self, name, path=None, target=None):
        """The usual spec of a module, with a loader around it if it is TensorFlow."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, loader):
        super().__init__(loader.name, loader.path)

    def exec_module(self, module):
        """Runs the module, and makes it look for GPUs, of which it has much to say."""
        with _without_notes():
            super().exec_module(module)
            with contextlib.suppress(Exception):
                module.config.list_physical_devices()


@contextlib.contextmanager
def _without_notes():
    """Sends standard error through grep.

    Another process: if a library ends this one, its last words are still passed on.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    notes = _NOTES + _NO_GPU if hidden or not _GPU.exists() else _NOTES
    try:
        before = os.dup(2)
        grep = subprocess.Popen(
            ["grep", "--line-buffered", "-avE", notes],
            stdin=subprocess.PIPE,
            stdout=before,
            stderr=subprocess.DEVNULL,
        )
    except OSError:  # no standard error, or no grep: nothing to filter, or with
        yield
        return
    try:
        os.dup2(grep.stdin.fileno(), 2)
        grep.stdin.close()
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
        with contextlib.suppress(subprocess.TimeoutExpired):
            grep.wait(timeout=10)
