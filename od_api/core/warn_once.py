"""Warnings that are said once, however often their reason occurs."""

import functools

from absl import logging


@functools.cache
def warn_once(text):
    """Logs a warning; the same text is not logged again in this process.

    absl's `log_first_n` counts by the line of code, not by what it says.
    """
    logging.warning("%s", text)
