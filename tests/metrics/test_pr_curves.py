import json

import numpy as np
import pytest
from PIL import Image

from od_api.metrics import pr_curves


def curves_of(count):
    recall = np.linspace(0, 1, 101)
    return {
        f"class {i}": {
            "recall": recall.tolist(),
            "precision": np.clip(1 - recall ** (1 + i / 9), 0, 1).tolist(),
            "scores": (1 - recall).tolist(),
        }
        for i in range(count)
    }


@pytest.mark.parametrize("count", [0, 1, 90])
def test_writes_the_curves_and_their_picture(tmp_path, count):
    path = pr_curves.write(tmp_path / "new", curves_of(count))
    assert json.loads((path.parent / "pr_curves.json").read_text()) == curves_of(count)
    with Image.open(path) as picture:
        assert picture.size[0] > 600


@pytest.mark.parametrize("count", [2, 90])
def test_the_legend_lies_outside_and_inside_the_picture(count):
    figure = pr_curves.plot(curves_of(count), "title")
    (axes,) = figure.axes
    figure.draw_without_rendering()
    legend = axes.get_legend().get_window_extent()
    assert legend.x0 >= axes.get_window_extent().x1
    assert legend.y0 >= 0
    assert figure.bbox.x1 >= legend.x1
    assert axes.get_xlabel() == "recall" and axes.get_ylabel() == "precision"


def test_awkward_names_keep_their_entry():
    """Matplotlib hides what starts with an underscore and reads $ as a formula."""
    curve = curves_of(1)["class 0"]
    names = {"_hidden": curve, "cost $5 $6": curve, "x" * 80: curve, "[b]": curve}
    figure = pr_curves.plot(names, "title")
    figure.draw_without_rendering()
    assert len(figure.axes[0].get_legend().get_texts()) == 4


def test_a_class_that_is_never_found_has_an_empty_curve(tmp_path):
    nothing = {"recall": [], "precision": [], "scores": []}
    assert pr_curves.write(tmp_path, {"cat": nothing}).exists()
