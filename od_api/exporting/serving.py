"""The exported signature: the old API's inputs and outputs around a frozen network."""

import pathlib

import numpy as np
import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.shapes import scale_between
from od_api.data.examples import parse_example
from od_api.exporting.signature_inputs import SignatureInputs
from od_api.pictures.decoding import decode_tensor
from od_api.protos import prediction_log_pb2

# The signatures of every model, and of one that finds boxes; what the latter gives.
DEFAULT_SIGNATURE, DETECTIONS_SIGNATURE = "serving_default", "detections"
WARM_SIGNATURES = (DEFAULT_SIGNATURE, DETECTIONS_SIGNATURE)
FINAL_OUTPUTS = (
    *("detection_boxes", "detection_scores", "detection_classes"),
    *("num_detections", "detection_masks"),
)


class ServingModule(tf.Module):
    """What is saved: callable, with its signatures and the label map as an asset.

    Loaded again, `model(input_tensor)` and the signature `serving_default` return what
    `outputs_of` describes; of a detector that finds boxes the signature `detections`
    takes the same and returns FINAL_OUTPUTS alone. Loading needs TensorFlow alone.

    Args:
      network: (padded images, true shapes) -> outputs, as `outputs_of`.
      resizer: brings one image to the network's input.
      inputs: SignatureInputs, or one of INPUT_TYPES.
      label_map_path: file to keep with the model, or None.
      options: {name: largest value}, as of a Detector: the network takes them as
        further arguments. A signature of the option's name lets each request choose it;
        the others have the largest.
      reads: as of a Detector: the network takes them before the options.
    """

    def __init__(
        self, network, resizer, inputs, label_map_path, options=None, reads=()
    ):
        super().__init__()
        self._reads = tuple(reads)
        self._network = network
        self._resizer = resizer
        if isinstance(inputs, str):
            inputs = SignatureInputs(inputs)
        self._inputs = inputs
        if label_map_path:
            self.label_map = tf.saved_model.Asset(label_map_path)
        # An attribute of the object, since its signature is known only now. Saving
        # finds it there and makes what is loaded callable.
        self.__call__ = tf.function(
            self._detect, input_signature=inputs.specs, autograph=False
        )
        self._options = dict(options or {})
        for name in self._options:
            chosen = tf.TensorSpec([], tf.int32, name)
            with_option = tf.function(
                self._detecting_with(name),
                input_signature=[*inputs.specs, chosen],
                autograph=False,
            )
            setattr(self, f"detect_with_{name}", with_option)

    @property
    def specs(self):
        """The arguments of `__call__`."""
        return self._inputs.specs

    @property
    def network_shape(self):
        """(H, W) of the network's input; None where it takes all."""
        return self._resizer.output_shape

    def with_batch(self, size):
        """The same for so many images at once, of the size that it takes."""
        shape = (size, *self.specs[0].shape.as_list()[1:])
        return self._taking(self._inputs.kind, shape)

    def of_floats(self):
        """The same for images of float32, 0..255."""
        return self._taking("float_image_tensor", self.specs[0].shape.as_list())

    def _taking(self, kind, shape):
        inputs = SignatureInputs(kind, self.specs[0].name, shape)
        more = (self._options, self._reads)
        return ServingModule(self._network, self._resizer, inputs, None, *more)

    def signatures(self):
        """{signature name: function} for tf.saved_model.save."""
        chosen = {name: getattr(self, f"detect_with_{name}") for name in self._options}
        return {DEFAULT_SIGNATURE: self.__call__, **self._final(), **chosen}

    def _final(self):
        """The signature `detections`, where there are any: a call of the default one,
        so that the network is saved once."""
        outputs = self.__call__.get_concrete_function().structured_outputs
        if FINAL_OUTPUTS[0] not in outputs:
            return {}

        def final(*inputs):
            found = self.__call__(*inputs)
            return {name: found[name] for name in FINAL_OUTPUTS if name in found}

        final = tf.function(final, input_signature=self._inputs.specs, autograph=False)
        return {DETECTIONS_SIGNATURE: final}

    def warmup_inputs(self):
        """{argument: value}: a black image, of the network's size where it is fixed."""
        size = self._inputs.size_for(*(self._resizer.output_shape or (300, 300)))
        return self._inputs.example(np.zeros([*size, 3], np.uint8))

    def _detecting_with(self, name):
        def detect(input_tensor, value):
            return self._detect(input_tensor, chosen={name: value})

        return detect

    def _detect(self, input_tensor, boxes=None, chosen=None):
        shape = tf.shape(input_tensor)
        check = tf.debugging.Assert(
            tf.reduce_all(shape > 0),
            [self._inputs.empty, shape],
        )
        with tf.control_dependencies([check]):
            input_tensor = tf.identity(input_tensor)
        if self._inputs.are_pixels:
            images, true_shapes = resize(self._resizer, input_tensor)
            shapes = shape[1:3]
        else:
            images, true_shapes, shapes = self._decode_and_resize(input_tensor)
        options = (self._options | (chosen or {})).values()
        return self._network(
            images,
            true_shapes,
            *further_inputs(self._reads, shapes, true_shapes, boxes),
            *map(tf.convert_to_tensor, options),
        )

    def _decode_and_resize(self, strings):
        def prepare(string):
            if self._inputs.kind == "tf_example":
                string = _encoded_image(string)
            image = decode_tensor(string)
            return *self._resizer(image), tf.shape(image)[:2]

        specs = *_resized_specs(self._resizer), tf.TensorSpec([2], tf.int32)
        return tf.map_fn(prepare, strings, fn_output_signature=specs)


def further_inputs(reads, shapes, true_shapes, boxes=None):
    """The values of what a Detector `reads`, in their order.

    Args:
      reads: names.
      shapes: int32 [B, 2] or [2], the images as they were sent.
      true_shapes: int32 [B, 2], the same as they were resized.
      boxes: float32 [B, N, 4], normalised to the images, where requests have them.
    """

    def in_pixels():
        height, width = tf.unstack(tf.cast(true_shapes, tf.float32)[:, None], axis=-1)
        return box_ops.scale(boxes, height, width)

    known = {
        "scale": lambda: scale_between(shapes, true_shapes),
        "boxes": in_pixels,
    }
    return [known[name]() for name in reads]


def resize(resizer, images):
    """[B, h, w, 3] of one size -> (padded [B, H, W, 3] float32, true shapes [B, 2])."""
    padded, true_shape = resizer(images)
    true_shapes = tf.broadcast_to(true_shape, [tf.shape(images)[0], 2])
    height, width = resizer.output_shape or (None, None)
    return tf.ensure_shape(padded, [None, height, width, 3]), true_shapes


def _resized_specs(resizer):
    height, width = resizer.output_shape or (None, None)
    return (
        tf.TensorSpec([height, width, 3], tf.float32),
        tf.TensorSpec([2], tf.int32),
    )


def outputs_of(detector, images, true_shapes, *further):
    """The old API's output dict, everything float32.

    Args:
      detector: a Detector.
      images: [B, H, W, 3] float32, padded.
      true_shapes: [B, 2] int32.
      *further: values of what the detector `reads`, and then of its options, int32
        scalars, in their order; options left out are the largest. With `num_proposals`
        A is their number.

    Returns:
      detection_boxes [B, N, 4], normalised to the image without its padding;
      detection_scores, detection_classes (label-map ids), detection_anchor_indices
      [B, N]; detection_multiclass_scores [B, N, K (+1)]; num_detections [B];
      raw_detection_boxes [B, A, 4], normalised to the padded image;
      raw_detection_scores [B, A, K (+1)]; of a detector with masks detection_masks
      [B, N, mh, mw], probabilities for the inside of the boxes. Of one that finds no
      boxes: image_class_scores [B, K], of all classes by their ids, from 1 up;
      image_classes (label-map ids), image_scores [B, N], the best first.
    """
    chosen = dict(zip([*detector.reads, *detector.options], further, strict=False))
    predictions = detector.call(images, true_shapes, **chosen)
    return outputs_of_predictions(detector, predictions, images, true_shapes)


def outputs_of_predictions(detector, predictions, images, true_shapes):
    """The dict of `outputs_of`, of what a detector predicted for these images."""
    if not detector.finds_boxes:
        return _classes_of(detector, predictions)
    return _boxes_of(detector, predictions, images, true_shapes)


def _boxes_of(detector, predictions, images, true_shapes):
    found = detector.detect(predictions)
    raw_boxes, raw_scores = detector.decode(predictions), detector.scores(predictions)
    real = tf.sequence_mask(found.count, tf.shape(found.scores)[1])
    multiclass = tf.gather(raw_scores, found.anchor_indices, batch_dims=1)
    height, width = tf.unstack(tf.cast(true_shapes, tf.float32)[:, None], axis=-1)
    padded = tf.cast(tf.shape(images)[1:3], tf.float32)
    outputs = {
        "detection_boxes": box_ops.scale(found.boxes, 1 / height, 1 / width),
        "detection_scores": found.scores,
        "detection_classes": found.classes + 1,
        "detection_anchor_indices": found.anchor_indices,
        "detection_multiclass_scores": tf.where(real[..., None], multiclass, 0.0),
        "num_detections": found.count,
        "raw_detection_boxes": box_ops.scale(raw_boxes, 1 / padded[0], 1 / padded[1]),
        "raw_detection_scores": raw_scores,
    }
    if found.masks is not None:
        outputs["detection_masks"] = tf.where(real[..., None, None], found.masks, 0.0)
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}


def _classes_of(detector, predictions):
    found = detector.detect(predictions)
    outputs = {
        "image_class_scores": detector.scores(predictions),
        "image_classes": found.classes + 1,
        "image_scores": found.scores,
    }
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}


def write_warmup(directory, name, inputs, signatures=(DEFAULT_SIGNATURE,)):
    """Writes warm-up requests, so that the first real one is not the slow one.

    Args:
      directory: a servable version's directory.
      name: the model's name.
      inputs: {argument: tensor} of a request.
      signatures: of which each gets one.
    """
    extra = pathlib.Path(directory) / "assets.extra"
    extra.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        for signature in signatures:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for argument, value in inputs.items():
                proto = tf.make_tensor_proto(value)
                request.inputs[argument] = proto.SerializeToString()
            writer.write(log.SerializeToString())


def _encoded_image(example):
    feature = tf.io.FixedLenFeature([], tf.string)
    return parse_example(example, {"image/encoded": feature})["image/encoded"]
