"""An ONNX model that detects nothing, small enough to be made anywhere."""

import numpy as np
import onnx

FOUND = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


def write_detector(path, outputs=FOUND):
    """An ONNX model of the detectors' form: one box for each image, all zeros."""
    helper, kinds = onnx.helper, onnx.TensorProto
    shapes = {"detection_boxes": ["b", 1, 4], "num_detections": ["b"]}
    sizes = {"detection_boxes": [1, 4], "num_detections": []}
    nodes = [
        helper.make_node("Shape", ["input_tensor"], ["count"], start=0, end=1),
    ]
    for name in outputs:
        rest = np.array(sizes.get(name, [1]), np.int64)
        constant = onnx.numpy_helper.from_array(rest, f"{name}/rest")
        nodes += [
            helper.make_node("Constant", [], [f"{name}/rest"], value=constant),
            helper.make_node(
                "Concat", ["count", f"{name}/rest"], [f"{name}/shape"], axis=0
            ),
            helper.make_node("ConstantOfShape", [f"{name}/shape"], [name]),
        ]
    images = helper.make_tensor_value_info("input_tensor", kinds.UINT8, [*"bhw", 3])
    values = [
        helper.make_tensor_value_info(name, kinds.FLOAT, shapes.get(name, ["b", 1]))
        for name in outputs
    ]
    graph = helper.make_graph(nodes, "detector", [images], values)
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
