"""Writing a SavedModel from a checkpoint, in a fresh process.

Ours folds batch norm, writes a second copy for a server with a warm-up request, and
compares what it wrote with the checkpoint; the old API does none of these.
"""

import pathlib
import shutil

from timing import peak_memory, timed


def ours(settings):
    yield {}
    from od_api import load_config
    from od_api.export import export

    config = load_config(settings["config"])
    yield _measured(
        settings, "ours", lambda checkpoint, out: export(config, checkpoint, out)
    )


def old(settings):
    yield {}
    import old_api

    config = old_api.load_config(settings["config"])
    from object_detection import exporter_lib_v2

    yield _measured(
        settings,
        "old",
        lambda checkpoint, out: exporter_lib_v2.export_inference_graph(
            "image_tensor", config, str(checkpoint), str(out)
        ),
    )


def _measured(settings, side, export):
    """Exports into a new folder, which then takes the place of the one before."""
    folder = pathlib.Path(settings["folder"]) / side
    new = folder / "exporting"
    shutil.rmtree(new, ignore_errors=True)
    seconds = timed(lambda: export(folder / "checkpoint", new))
    shutil.rmtree(folder / "export", ignore_errors=True)
    new.rename(folder / "export")
    return {"seconds": [seconds], "peak_bytes": [peak_memory()]}
