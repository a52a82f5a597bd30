"""The parts of a model by the names that few-shot notebooks restore them by.

`tf.train.Checkpoint` hangs a checkpoint of the old API on such objects and finds none
of its tensors in them: they are kept back, as of variables that are not there yet, and
taken by their own names when the model is used.
"""

from types import MappingProxyType

import tensorflow as tf

from od_api.checkpoints.fine_tune import restore_names

_HEAD = "head/weight_shared_convolutional_box_predictor"
_OLD_HEAD = "WeightSharedConvolutionalBoxPredictor"
# What notebooks choose variables by: the starts of their names.
_OLD_NAMES = {
    f"{_HEAD}/box/": f"{_OLD_HEAD}/WeightSharedConvolutionalBoxHead/BoxPredictor/",
    f"{_HEAD}/class/": (
        f"{_OLD_HEAD}/WeightSharedConvolutionalClassHead/ClassPredictor/"
    ),
    f"{_HEAD}/box_tower_": f"{_OLD_HEAD}/BoxPredictionTower/",
    f"{_HEAD}/class_tower_": f"{_OLD_HEAD}/ClassPredictionTower/",
    f"{_HEAD}/tower_": f"{_OLD_HEAD}/PredictionTower/",
}
_HEAD_PARTS = {
    "_box_prediction_head": (f"{_HEAD}/box/",),
    "_prediction_heads": (f"{_HEAD}/class/",),
}


class OldPart(tf.Module):
    """Some of a model's variables, for `tf.train.Checkpoint` to restore.

    Args:
      named: {name: variable} of the whole model.
      chosen: names of those that are of this part.
      parts: of the detector.
      children: {name: OldPart} of parts in it; they are attributes, too.
    """

    def __init__(self, named, chosen, parts, children=None):
        super().__init__(name="old_part")
        # Proxies, since TensorFlow would track dicts and lists as further children.
        self._named, self._parts = MappingProxyType(named), MappingProxyType(parts)
        self._chosen = frozenset(chosen)
        for name, child in (children or {}).items():
            setattr(self, name, child)

    def take(self, path):
        """Restores the part from a checkpoint of the old API or of ours."""
        restore_names(path, dict(self._named), self._chosen, dict(self._parts))

    def take_kept_back(self):
        """Restores what a checkpoint of the old API was hung on this part for."""
        if path := kept_back(self):
            self.take(path)

    def _name_based_attribute_restore(self, checkpoint):
        """Of files without an object graph, which are ours."""
        self.take(checkpoint.save_path)


def kept_back(trackable):
    """The path of a checkpoint whose tensors were not found in an object, or None."""
    waiting = trackable._deferred_dependencies
    paths = [
        one.checkpoint.save_path_string for ones in waiting.values() for one in ones
    ]
    waiting.clear()
    return paths[-1] if paths else None


def old_parts(named, parts):
    """{name of the old API: OldPart} of an SSD: its networks and its head.

    Args:
      named: {name: variable} of the whole model.
      parts: of the detector.
    """

    def part(chosen, children=None):
        return OldPart(named, chosen, parts, children)

    of_head = {n for n in named if n.startswith("head/")}
    heads = {
        name: {n for n in of_head if n.startswith(starts)}
        for name, starts in _HEAD_PARTS.items()
    }
    heads["_base_tower_layers_for_heads"] = of_head - set().union(*heads.values())
    head = part(of_head, {name: part(chosen) for name, chosen in heads.items()})
    return {"_feature_extractor": part(set(named) - of_head), "_box_predictor": head}


def give_old_names(parts):
    """Calls the variables of a shared head as they were called; others keep theirs."""
    for part, layer in parts.items():
        for variable in layer.variables:
            name = f"{part}/{variable.path}"
            for start, old in _OLD_NAMES.items():
                if name.startswith(start):
                    variable._name = f"{old}{name.removeprefix(start)}:0"
