"""The files that `engines` measures; the folder of each appears whole."""

import pathlib

_CALIBRATION_IMAGES = 20


def ours(settings):
    yield {}
    if settings["bare"]:
        _export(bare_folder_of(settings), settings, "onnx", "float32", form="raw")
    _export(folder_of(settings), settings, settings["format"], settings["precision"])
    yield {}


def folder_of(settings):
    """Where the export of the whole detector is."""
    name = f"{settings['format']}_{settings['precision']}"
    return pathlib.Path(settings["folder"]) / "ours" / name


def bare_folder_of(settings):
    """Where the network alone is, of which OpenVINO reads the ONNX file."""
    return pathlib.Path(settings["folder"]) / "ours" / "onnx_raw"


def _export(folder, settings, model_format, precision, **options):
    from od_api import load_config
    from od_api.export import export

    if folder.exists():
        return
    if precision == "int8":
        options["calibration_images"] = _CALIBRATION_IMAGES
    export(
        load_config(settings["config"]),
        pathlib.Path(settings["folder"]) / "ours" / "checkpoint",
        folder,
        model_format=model_format,
        precision=precision,
        **options,
    )
