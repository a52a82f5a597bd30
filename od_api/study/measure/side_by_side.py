"""Exported models beside each other: each in its process, one image in turn.

Whatever slows the machine down for a while slows all of them; and what one of them
holds in memory is not counted for another.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.study.measure.timings import summary, timing_images

_COMMAND = (sys.executable, "-m", "od_api.study.measure.timing_process")
# Threads of an engine look for more work for a while, and take the next one's cores.
_PAUSE_SECONDS = 0.005
_TEXTS = ("model", "engine", "form")
_COLUMNS = {
    "model": ("model", 1),
    "engine": ("engine", 1),
    "form": ("form", 1),
    "median ms": ("median_ms", 1),
    "p90 ms": ("p90_ms", 1),
    "load and run MiB": ("peak_memory_bytes", 2**20),
    "whole process MiB": ("process_peak_bytes", 2**20),
    "file MiB": ("model_bytes", 2**20),
}


def side_by_side(paths, images, *, side, num_images, warm_up, threads=None):
    """Times exported models in alternation.

    Args:
      paths: of exports, of any formats.
      images: uint8 arrays [h, w, 3].
      side: of the squares that they become, pixels.
      num_images: how many are timed, by each model.
      warm_up: how many run before.
      threads: of one call; None: as many as there are cores.

    Returns:
      [{"model", "engine", "form", "resolution", "threads", "images", "warm_up",
      "median_ms", "mean_ms", "p90_ms", "p99_ms", "peak_memory_bytes",
      "peak_memory_kind", "process_peak_bytes", "model_bytes"}], as the paths come.

    Raises:
      UserError: a model that cannot be measured.
    """
    squares = np.concatenate(timing_images(images, side, min(num_images, len(images))))
    settings = {"resolution": side, "threads": threads, "warm_up": warm_up}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        file = pathlib.Path(folder) / "images.npy"
        np.save(file, squares)
        # One after the other: while one loads, another must not warm up.
        models = [
            stack.enter_context(_Timed(path, file, warm_up, threads)) for path in paths
        ]
        times = _in_turn(models, num_images)
    return [
        {
            "model": str(path),
            "images": num_images,
            **settings,
            **model.description,
            **summary(found),
        }
        for path, model, found in zip(paths, models, times, strict=True)
    ]


def _in_turn(models, num_images):
    """[seconds of each image] for each model."""
    times = [[] for _ in models]
    console = Console(stderr=True)
    for i in track(range(num_images), "timing", transient=True, console=console):
        for model, found in zip(models, times, strict=True):
            time.sleep(_PAUSE_SECONDS)
            found.append(model.seconds(i))
    return times


def as_table(rows):
    """The rows as text, one a model."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in _COLUMNS:
        table.add_column(title, justify="left" if title in _TEXTS else "right")
    for row in rows:
        table.add_row(*(_cell(row[key], unit) for key, unit in _COLUMNS.values()))
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _cell(value, unit):
    return printable(value) if isinstance(value, str) else f"{value / unit:,.1f}"


class _Timed:
    """A process that has a model, from `with` to its end.

    Attributes:
      description: what it says of the model and its memory.
    """

    def __init__(self, path, images, warm_up, threads):
        self._path = path
        reading, writing = os.pipe()
        arguments = (str(path), str(images), str(warm_up), str(threads or 0))
        self._process = subprocess.Popen(
            [*_COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writing],
            env={**os.environ, "OD_API_TIMING": str(writing)},
            text=True,
        )
        os.close(writing)
        self._answers = os.fdopen(reading)

    def __enter__(self):
        try:
            self.description = self._answer()
            if "error" in self.description:
                raise UserError(self.description["error"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._answers.close()
        self._process.terminate()
        self._process.wait()

    def seconds(self, index):
        self._process.stdin.write(f"{index}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._answers.readline()
        if not line:
            status = self._process.wait()
            raise UserError(
                f"{printable(self._path)}: the process that ran it ended with status "
                f"{status}"
            )
        return json.loads(line)
