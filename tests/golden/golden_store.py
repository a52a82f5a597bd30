"""Golden values in a file: {case: {field: array}} <-> one compressed .npz."""

import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent


def save(name, cases):
    """Writes `cases` to NAME.npz; strings become arrays of characters."""
    flat = {
        f"{case}/{field}": np.asarray(value)
        for case, fields in cases.items()
        for field, value in fields.items()
    }
    np.savez_compressed(FOLDER / f"{name}.npz", **flat)


def load(name):
    """The {case: {field: array}} of NAME.npz; a config's text comes back as `str`."""
    cases = {}
    with np.load(FOLDER / f"{name}.npz") as file:
        for key in file.files:
            case, field = key.rsplit("/", 1)
            value = file[key]
            is_text = value.dtype.kind == "U" and value.ndim == 0
            cases.setdefault(case, {})[field] = str(value) if is_text else value
    return cases
