"""A detector for eager loops: preprocess, predict, loss, postprocess.

What notebooks call `detection_model`. Boxes are normalised, classes 0-based, as there.
"""

from types import MappingProxyType

import numpy as np
import tensorflow as tf

from od_api.checkpoints.fine_tune import restore_partial
from od_api.compat.old_parts import give_old_names, kept_back, old_parts
from od_api.core import variables
from od_api.core.errors import UserError
from od_api.core.registry import build_field
from od_api.core.types import Targets
from od_api.exporting.serving import outputs_of_predictions, resize
from od_api.protos import pipeline_pb2

_PIXELS, _PREDICTIONS = "preprocessed_inputs", "predictions"


def build(model_config, is_training, add_summaries=True):
    """The detector of a DetectionModel.

    Args:
      model_config: DetectionModel message.
      is_training: whether `predict` acts as in training (batch norm, dropout, sampled
        proposals).
      add_summaries: unused; summaries are training's.

    Raises:
      ConfigError: with the path of the field.
    """
    del add_summaries
    config = pipeline_pb2.TrainEvalPipelineConfig(model=model_config)
    return DetectionModel(build_field(config, "model"), is_training)


class _Restorable(tf.Module):
    """What `tf.train.Checkpoint(model=...)` reads a checkpoint of od_api into.

    Its children are the variables by their names, as in the files of training.
    """

    def __init__(self, detector, kind):
        super().__init__(name="detection_model")
        self.detector, self._kind = detector, kind
        # A proxy, since TensorFlow would track a dict as one more child.
        self._named = MappingProxyType(variables.named_variables(detector.parts))

    def restore(self, path):
        """Takes weights: of a checkpoint of ours or of the old API, or a Keras file.

        Raises:
          UserError: there is none, it is of another program, or it does not fit.
        """
        restore_partial(
            path,
            self._named,
            self._kind,
            load_weights=self.detector.load_weights,
            parts=self.detector.parts,
        )

    def take_kept_back(self):
        """Restores what a checkpoint of the old API was hung on this object for."""
        if path := kept_back(self):
            self.restore(path)

    def _trackable_children(self, *_, **__):
        return dict(self._named)

    def _lookup_dependency(self, name, *_, **__):
        return self._named.get(name)

    def _name_based_attribute_restore(self, checkpoint):
        """Files without an object graph are ours; TensorFlow asks each object here."""
        self.restore(checkpoint.save_path)


class DetectionModel(_Restorable):
    """A detector as `build` makes it.

    Attributes:
      num_classes: K.
      detector: the Detector inside.
    """

    def __init__(self, detector, is_training):
        super().__init__(detector, "full")
        self._is_training = is_training
        self.num_classes = detector.num_classes
        self._truth = None
        give_old_names(detector.parts)
        parts = old_parts(dict(self._named), detector.parts)
        self._feature_extractor = parts["_feature_extractor"]
        self._box_predictor = parts["_box_predictor"]
        inner = self._box_predictor.submodules
        self._restorables = [self, *parts.values(), *inner]

    @property
    def variables(self):
        """The Keras variables of all parts."""
        self._take_kept_back()
        return [v for p in self.detector.parts.values() for v in p.weights]

    @property
    def trainable_variables(self):
        """Those that training changes; `v.path` tells which is which."""
        self._take_kept_back()
        return [v for p in self.detector.parts.values() for v in p.trainable_weights]

    def preprocess(self, inputs):
        """Resizes images.

        Args:
          inputs: [B, h, w, 3], 0..255.

        Returns:
          ([B, H, W, 3] float32 in 0..255, padded; [B, 3] int32, the height, width and
          depth of the image inside).
        """
        images, shapes = resize(self.detector.resizer, tf.cast(inputs, tf.float32))
        return images, tf.pad(shapes, [[0, 0], [0, 1]], constant_values=3)

    def predict(self, preprocessed_inputs, true_image_shapes):
        """Raw predictions, a dict that `loss` and `postprocess` take.

        Args:
          preprocessed_inputs, true_image_shapes: of `preprocess`.

        Raises:
          UserError: the detector reads what these do not tell.
        """
        self._take_kept_back()
        if self.detector.reads:
            raise UserError(
                f"this detector reads {', '.join(self.detector.reads)}, which "
                "object_detection's predict has no argument for: use od_api.build"
            )
        predictions = self.detector.call(
            preprocessed_inputs,
            true_image_shapes[:, :2],
            training=self._is_training,
            targets=self._targets(preprocessed_inputs, true_image_shapes),
            seed=tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32),
        )
        return {_PIXELS: preprocessed_inputs, _PREDICTIONS: predictions}

    def provide_groundtruth(
        self,
        groundtruth_boxes_list,
        groundtruth_classes_list,
        groundtruth_masks_list=None,
        groundtruth_weights_list=None,
    ):
        """Keeps what is on the images, for `loss`.

        Args:
          groundtruth_boxes_list: B tensors [G, 4], normalised to the padded image.
          groundtruth_classes_list: B tensors [G, K], one-hot.
          groundtruth_masks_list: B tensors [G, H, W] of the padded image; or None.
          groundtruth_weights_list: B tensors [G]; None: all 1.
        """
        weights = groundtruth_weights_list
        if weights is None:
            weights = [tf.ones(tf.shape(boxes)[:1]) for boxes in groundtruth_boxes_list]
        truth = {
            "boxes": [tf.cast(b, tf.float32) for b in groundtruth_boxes_list],
            "classes": [
                tf.argmax(c, axis=-1, output_type=tf.int32)
                for c in groundtruth_classes_list
            ],
            "weights": [tf.cast(w, tf.float32) for w in weights],
        }
        if groundtruth_masks_list is not None:
            masks = [tf.cast(m, tf.uint8) for m in groundtruth_masks_list]
            truth["masks"] = masks
        self._truth = MappingProxyType(truth)

    def loss(self, prediction_dict, true_image_shapes):
        """{"Loss/...": scalar}, to be added up; gradients flow through them.

        Raises:
          UserError: before `provide_groundtruth`.
        """
        targets = self._targets(prediction_dict[_PIXELS], true_image_shapes)
        if targets is None:
            raise UserError("call provide_groundtruth before loss")
        seed = tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)
        losses = self.detector.losses(prediction_dict[_PREDICTIONS], targets, seed)
        return {f"Loss/{name}": value for name, value in losses.items()}

    def regularization_losses(self):
        """The weight penalties of all parts, a list of scalars."""
        return [loss for part in self.detector.parts.values() for loss in part.losses]

    def postprocess(self, prediction_dict, true_image_shapes):
        """Detections: the names of an exported model, with classes from 0.

        Args:
          prediction_dict: of `predict`.
          true_image_shapes: of `preprocess`.

        Returns:
          As `od_api.exporting.serving.outputs_of` says, but for the classes.
        """
        outputs = outputs_of_predictions(
            self.detector,
            prediction_dict[_PREDICTIONS],
            prediction_dict[_PIXELS],
            true_image_shapes[:, :2],
        )
        found = outputs["detection_classes"]
        return outputs | {"detection_classes": tf.maximum(found - 1, 0)}

    def restore_from_objects(self, fine_tune_checkpoint_type="detection"):
        """{name: object} for `tf.train.Checkpoint(**objects).restore(path)`.

        Args:
          fine_tune_checkpoint_type: classification, detection or full, as in a config.
        """
        model = _Restorable(self.detector, fine_tune_checkpoint_type)
        self._restorables.append(model)
        return {"model": model}

    def _take_kept_back(self):
        """Checkpoints of the old API are read when the model is used."""
        with tf.init_scope():
            for restorable in self._restorables:
                restorable.take_kept_back()

    def _targets(self, images, true_image_shapes):
        """The Targets of what `provide_groundtruth` got; None without it."""
        if self._truth is None or _is_of_another_graph(self._truth["boxes"]):
            return None
        counts = [len(boxes) for boxes in self._truth["boxes"]]
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        rows = {
            name: tf.stack([_padded(one, max([*counts, 1])) for one in values])
            for name, values in self._truth.items()
        }
        rows["boxes"] *= tf.tile(size, [2])
        valid = np.arange(max([*counts, 1])) < np.array(counts)[:, None]
        return Targets(
            valid=tf.constant(valid), true_shapes=true_image_shapes[:, :2], **rows
        )


def _is_of_another_graph(tensors):
    """Whether a tf.function that has been traced is where they came from."""
    here = tf.compat.v1.get_default_graph()
    return any(tf.is_symbolic_tensor(t) and t.graph is not here for t in tensors)


def _padded(rows, count):
    """[G, ...] -> [count, ...], with zeros."""
    missing = [[0, count - len(rows)], *[[0, 0]] * (len(rows.shape) - 1)]
    return tf.pad(rows, missing)
