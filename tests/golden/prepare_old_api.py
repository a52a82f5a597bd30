"""Make the old TF Object Detection API importable, in a patched copy of its wheel.

    python prepare_old_api.py OVERLAY

`benchmarks/old_api_environment.py` makes an environment and runs it there; OVERLAY goes
first on PYTHONPATH. Two things are mended in the copy, nothing else:

1. The wheel's `_pb2` modules were made by an old protoc and do not load under
   protobuf 4. Each is rewritten from the descriptor bytes it holds.
2. tf_slim 1.1.0 looks for `case` and `cond` in a TensorFlow module that has moved
   them elsewhere.
"""

import ast
import importlib.util
import pathlib
import shutil
import sys

from google.protobuf import descriptor_pb2

PB2_TEMPLATE = '''"""Rebuilt from the descriptor of {name}."""
from google.protobuf import descriptor_pool
from google.protobuf.internal import builder
{imports}
DESCRIPTOR = descriptor_pool.Default().AddSerializedFile({serialized!r})
builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, {module!r}, globals())
'''


def main(overlay):
    overlay = pathlib.Path(overlay)
    for package in ("object_detection", "tf_slim"):
        source = pathlib.Path(importlib.util.find_spec(package).origin).parent
        shutil.copytree(source, overlay / package, dirs_exist_ok=True)
    for path in sorted((overlay / "object_detection/protos").glob("*_pb2.py")):
        path.write_text(rebuilt_pb2(path))
    patch_decoder(overlay / "tf_slim/data/tfexample_decoder.py")


def rebuilt_pb2(path):
    """The source of a module equal to the old one, by the `builder` functions."""
    serialized = next(
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "serialized_pb"
    )
    proto = descriptor_pb2.FileDescriptorProto.FromString(serialized)
    imports = "\n".join(
        "import " + name.removesuffix(".proto").replace("/", ".") + "_pb2"
        for name in proto.dependency
    )
    return PB2_TEMPLATE.format(
        name=proto.name,
        imports=imports,
        serialized=serialized,
        module=proto.name.removesuffix(".proto").replace("/", ".") + "_pb2",
    )


def patch_decoder(path):
    text = path.read_text()
    text = text.replace("control_flow_ops.case(", "control_flow_case.case(")
    text = text.replace("control_flow_ops.cond(", "cond.cond(")
    old = "from tensorflow.python.ops import control_flow_ops\n"
    new = "from tensorflow.python.ops import cond, control_flow_case\n"
    path.write_text(text.replace(old, new))


if __name__ == "__main__":
    main(*sys.argv[1:])
