"""ONNX models of `od-api export --format onnx`, run by ONNX Runtime.

Needs neither TensorFlow nor the rest of od_api:

    session = onnxruntime.InferenceSession("exported/model.onnx")
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, {"input_tensor": images})))
"""

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import ENGINES, HEADS_ALONE, RAW_OUTPUT
from od_api.system.extras import needed

EXTRA = "onnx"
FILE_NAME = ENGINES["onnx"].file_name


class OnnxModel:
    """A loaded model: called with images it returns {output name: array}.

    Args:
      path: of the file.
      threads: of one call; None: as many as there are cores.
      is_raw: one that has the heads alone, and no detections, is taken, too.

    Attributes:
      metadata: {key: text}: CONFIG, and LABEL_MAP where the model has one.
      image_shape: of the argument with images: None, or text, where any is taken.

    Raises:
      UserError: ONNX Runtime is not there, or the file is no model of a detector.
    """

    def __init__(self, path, threads=None, is_raw=False):
        runtime = needed("onnxruntime", EXTRA)
        options = runtime.SessionOptions()
        # It says on standard error which shapes it could not tell.
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of many kinds, without a common one
            reason = str(error).strip().split("\n")[0][:300]
            raise UserError(
                f"{printable(path)} cannot be loaded by ONNX Runtime: "
                f"{printable(reason)}"
            ) from error
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self._names = [output.name for output in self._session.get_outputs()]
        first, *others = self._session.get_inputs()
        if RAW_OUTPUT in self and not is_raw:
            raise UserError(f"{printable(path)} {HEADS_ALONE}")
        finds = RAW_OUTPUT in self or "detection_boxes" in self
        if others or first.type != "tensor(uint8)" or not finds:
            raise UserError(
                f"{printable(path)} is no detector that takes images as uint8: name "
                "what od-api export --format onnx made"
            )
        self._input, self.image_shape = first.name, first.shape

    def __contains__(self, output):
        return output in self._names

    def __call__(self, images):
        """{output name: array} of images, uint8 [B, h, w, 3].

        Raises:
          UserError: the model takes other shapes, or fails.
        """
        try:
            values = self._session.run(None, {self._input: np.asarray(images)})
        except Exception as error:  # as above
            reason = str(error).strip().split("\n")[0][:300]
            raise UserError(
                f"the model fails on images of shape {tuple(images.shape)}: "
                f"{printable(reason)}"
            ) from error
        return dict(zip(self._names, values, strict=True))
