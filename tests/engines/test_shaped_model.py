"""For which shapes a model is compiled, by the calls that come."""

import numpy as np

from od_api.engines.shaped_model import PATIENCE, ShapedModel

SMALL, LARGE = np.zeros([1, 2, 2, 3]), np.zeros([1, 4, 4, 3])


class Compiler:
    """Notes what is compiled; of all shapes but `refused`."""

    def __init__(self, refused=()):
        self.asked, self._refused = [], refused

    def __call__(self, shape):
        self.asked.append(shape)
        if shape in self._refused:
            return None
        return lambda images: (shape, images.shape)


def called(model, *images):
    return [model(i)[0] for i in images]


def test_a_shape_that_keeps_coming_is_compiled_for():
    model = ShapedModel(compiler := Compiler())
    found = called(model, *[SMALL] * (PATIENCE + 1))
    assert found == [None] * (PATIENCE - 1) + [SMALL.shape] * 2
    assert compiler.asked == [None, SMALL.shape]


def test_shapes_that_alternate_are_not():
    model = ShapedModel(compiler := Compiler())
    assert set(called(model, *[SMALL, LARGE] * 20)) == {None}
    assert compiler.asked == [None]


def test_each_return_doubles_the_patience():
    """3 in a row; another one: all shapes; then 6, then 12 in a row."""
    model = ShapedModel(compiler := Compiler())
    for count in (PATIENCE, 2 * PATIENCE, 4 * PATIENCE):
        found = called(model, LARGE, *[SMALL] * count)
        assert found[:-1] == [None] * count
        assert found[-1] == SMALL.shape
    assert compiler.asked == [None, SMALL.shape] * 3


def test_every_call_is_answered_for_its_own_images():
    model = ShapedModel(Compiler())
    rng = np.random.default_rng(1)
    for images in (SMALL, LARGE) * 3:
        for _ in range(rng.integers(1, 9)):
            shape, of_images = model(images)
            assert of_images == images.shape
            assert shape in (None, images.shape)


def test_a_shape_that_cannot_be_compiled_for_is_tried_ever_more_rarely():
    """At the calls 3, 6, 12 and 24 in a row; another shape then takes 48."""
    model = ShapedModel(compiler := Compiler(refused=[SMALL.shape]))
    assert set(called(model, *[SMALL] * 8 * PATIENCE)) == {None}
    assert compiler.asked == [None] + [SMALL.shape, None] * 4
    found = called(model, *[LARGE] * 16 * PATIENCE)
    assert found == [None] * (len(found) - 1) + [LARGE.shape]
