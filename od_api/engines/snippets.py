"""How exported models run without TensorFlow and without od_api, in some ten lines."""

from od_api.engines.artefacts import ENGINES, FLOAT32

# {format: (package, code)} of an export in the folder `exported/`, in float32.
SNIPPETS = {
    "onnx": (
        "onnxruntime",
        """\
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("exported/model.onnx")
image = np.asarray(Image.open("photo.jpg").convert("RGB"))
names = [output.name for output in session.get_outputs()]
values = session.run(None, {"input_tensor": image[None]})
found = {name: value[0] for name, value in zip(names, values)}
for i in range(int(found["num_detections"])):
    print(found["detection_boxes"][i], found["detection_scores"][i])
""",
    ),
    "openvino": (
        "openvino",
        """\
import numpy as np
import openvino
from PIL import Image

core = openvino.Core()
network = core.read_model("exported/model.xml")
image = np.asarray(Image.open("photo.jpg").convert("RGB"))
network.reshape([1, *image.shape])
model = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = model({"input_tensor": image[None]})
for i in range(int(found["num_detections"][0])):
    print(found["detection_boxes"][0, i], found["detection_scores"][0, i])
""",
    ),
}


def snippet(model_format, folder, precision=FLOAT32):
    """Lines for people: how to run what was exported; "" where a page says it alone."""
    if model_format not in SNIPPETS:
        return ""
    package, code = SNIPPETS[model_format]
    file = ENGINES[model_format].file_name
    code = code.replace(f'"exported/{file}"', repr(str(folder / file)))
    if model_format == "openvino":
        from od_api.engines.openvino_engine import precision_hint

        code = code.replace('"f32"', f'"{precision_hint(precision)}"')
    return f"It runs without TensorFlow (pip install {package} numpy pillow):\n\n{code}"
