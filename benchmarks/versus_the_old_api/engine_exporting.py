"""The files of an engine that `engines` measures; the folder of each appears whole."""

import pathlib

BARE = "raw"
_CALIBRATION_IMAGES = 20


def ours(settings):
    yield {}
    for form in forms_of(settings):
        if not folder_of(settings, form).exists():
            _export(settings, form)
    yield {}


def forms_of(settings):
    """The whole detector, and its network alone where that is asked for."""
    return ["detections", BARE] if settings["bare"] else ["detections"]


def folder_of(settings, form):
    """Where the export of a form is."""
    name = f"{settings['format']}_{settings['precision']}_{form}"
    return pathlib.Path(settings["folder"]) / "ours" / name


def _export(settings, form):
    from od_api import load_config
    from od_api.export import export

    options = {"form": form}
    if settings["precision"] == "int8":
        options["calibration_images"] = _CALIBRATION_IMAGES
    export(
        load_config(settings["config"]),
        pathlib.Path(settings["folder"]) / "ours" / "checkpoint",
        folder_of(settings, form),
        model_format=settings["format"],
        precision=settings["precision"],
        **options,
    )
