"""A small server that loads and answers as TensorFlow Serving does, in this process.

It takes the folder of each model, loads its newest version through the graph and the
signatures of the SavedModel with the tag `serve`, replays its warm-up requests, and
then answers at /v1/models/NAME in REST, rows and columns, and as PredictionService and
ModelService in gRPC. What fails is said in TensorFlow Serving's words and codes.
"""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import pathlib
import re
import threading

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2

from od_api.protos import prediction_log_pb2

# gRPC's status codes, by the statuses of HTTP that stand for them.
HTTP = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 412,
    "INTERNAL": 500,
}


class Refused(Exception):
    """What a request is answered with.

    Args:
      code: of HTTP.
      message: for the client.
    """

    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class Version:
    """One version of a model, loaded."""

    def __init__(self, folder):
        self.warmed = []
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
        self.signatures = dict(meta.signature_def)
        self._replay(folder / "assets.extra" / "tf_serving_warmup_requests")

    def _replay(self, path):
        records = tf.compat.v1.io.tf_record_iterator(str(path)) if path.exists() else ()
        for record in records:
            log = prediction_log_pb2.PredictionLog.FromString(record)
            request = log.predict_log.request
            values = {
                name: tf.make_ndarray(tensor_pb2.TensorProto.FromString(value))
                for name, value in request.inputs.items()
            }
            self.run(request.model_spec.signature_name, values)
            self.warmed.append(request.model_spec.signature_name)

    def signature(self, name):
        if name not in self.signatures:
            message = f'Serving signature key "{name}" not found.'
            raise Refused("FAILED_PRECONDITION", message)
        return self.signatures[name]

    def run(self, name, values, wanted=()):
        """{output: array}, of those that are wanted; without a choice of all."""
        signature = self.signature(name)
        if set(values) != set(signature.inputs):
            given, known = sorted(values), sorted(signature.inputs)
            raise Refused(
                "INVALID_ARGUMENT",
                f"input size does not match signature: {given} is not {known}",
            )
        if unknown := set(wanted) - set(signature.outputs):
            raise Refused(
                "INVALID_ARGUMENT",
                f"output tensor alias not found in signature: {unknown.pop()}",
            )
        feeds = {}
        for index, (argument, value) in enumerate(sorted(values.items())):
            info = signature.inputs[argument]
            want, got = tf.as_dtype(info.dtype), tf.as_dtype(value.dtype)
            if want != got:
                message = f"Expects arg[{index}] to be {want.name} but {got.name} is"
                raise Refused("INVALID_ARGUMENT", f"{message} provided")
            feeds[info.name] = value
        names = {
            n: i.name for n, i in signature.outputs.items() if n in (wanted or [n])
        }
        try:
            return self._session.run(names, feeds)
        except tf.errors.OpError as error:
            raise Refused("INVALID_ARGUMENT", error.message) from error
        except ValueError as error:  # the session of C++ finds it as an OpError
            raise Refused("INVALID_ARGUMENT", str(error)) from error


class Models:
    """Folders of numbered versions, the newest of each loaded.

    Args:
      folders: {name: folder}.

    Attributes:
      states: {name: {version: state}}.
    """

    def __init__(self, folders):
        self._loaded, self.states = {}, {}
        for name, folder in folders.items():
            numbered = [p for p in pathlib.Path(folder).iterdir() if p.name.isdigit()]
            newest = max(numbered, key=lambda path: int(path.name))
            self._loaded[name, int(newest.name)] = Version(newest)
            self.states[name] = {int(newest.name): "AVAILABLE"}

    def version(self, name, number=None):
        """(number, Version) of what is available."""
        states = self.states.get(name, {})
        ready = [v for v, state in states.items() if state == "AVAILABLE"]
        if number is None and ready:
            number = max(ready)
        if number not in ready:
            asked = (
                f"Latest({name})" if number is None else f"Specific({name}, {number})"
            )
            raise Refused("NOT_FOUND", f"Servable not found for request: {asked}")
        return number, self._loaded[name, number]

    def status(self, name, number=None):
        """{version: state}."""
        states = self.states.get(name, {})
        if number is not None:
            states = {v: state for v, state in states.items() if v == number}
        if not states:
            which = "any versions" if number is None else f"version {number}"
            raise Refused("NOT_FOUND", f"Could not find {which} of model {name}")
        return states


def to_json(value, depth=1):
    """A tensor or an object as TensorFlow Serving writes it: 0.2, 1.0, 0.123456791."""
    if isinstance(value, dict):
        indent = " " * 4 * depth
        rows = [f'{indent}"{k}": {to_json(v, depth + 1)}' for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + indent[4:] + "}"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, list | np.ndarray):
        return "[" + ", ".join(to_json(v, depth + 1) for v in value) + "]"
    short = f"{value:.6g}"
    text = short if np.float32(short) == value else f"{value:.9g}"
    return text if "." in text or "e" in text or "n" in text else f"{text}.0"


def from_json(value, info):
    """The array of JSON for an argument: {"b64": ...}, numbers of its type."""
    dtype = tf.as_dtype(info.dtype)

    def leaf(item):
        if dtype == tf.string:
            return base64.b64decode(item["b64"]) if isinstance(item, dict) else item
        wrong = isinstance(item, str | dict) or (dtype.is_integer and item != int(item))
        if wrong or (dtype.is_integer and isinstance(item, float)):
            kind = "String" if isinstance(item, str) else "Number"
            message = f"JSON Value: {json.dumps(item)} Type: {kind} is not of expected "
            raise Refused("INVALID_ARGUMENT", f"{message}type: {dtype.name}")
        return item

    def tree(item):
        return [tree(i) for i in item] if isinstance(item, list) else leaf(item)

    kind = object if dtype == tf.string else dtype.as_numpy_dtype
    try:
        return np.array(tree(value), kind)
    except ValueError as error:
        message = f"Encountered list at unexpected size: {error}"
        raise Refused("INVALID_ARGUMENT", message) from error


def predicted(version, request):
    """The JSON text of a :predict request, in its own format."""
    name = request.get("signature_name", "serving_default")
    inputs = version.signature(name).inputs
    if "instances" in request:
        rows = [_named(row, inputs) for row in request["instances"]]
        columns = {n: [row[n] for row in rows] for n in inputs}
    else:
        columns = _named(request["inputs"], inputs)
    values = {
        name: from_json(value, inputs[name])
        for name, value in columns.items()
        if name in inputs
    }
    outputs = version.run(name, values)
    if "instances" not in request:
        return to_json({"outputs": outputs})
    rows = [
        {name: value[i] for name, value in outputs.items()}
        for i in range(len(request["instances"]))
    ]
    return to_json({"predictions": rows})


def _named(value, inputs):
    """{argument: value}: the name of a single one may be left out."""
    is_named = isinstance(value, dict) and set(value) != {"b64"}
    return value if is_named else {next(iter(inputs)): value}


_PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata|:predict)?")


def answered(models, path, body):
    """The JSON text of the answer to a request."""
    found = _PATH.fullmatch(path)
    if not found or (found[3] == ":predict") != (body is not None):
        raise Refused("INVALID_ARGUMENT", f"Malformed request: {path}")
    name, number = found[1], found[2] and int(found[2])
    if found[3] is None:
        status = {"error_code": "OK", "error_message": ""}
        rows = [
            {"version": str(v), "state": state, "status": status}
            for v, state in models.status(name, number).items()
        ]
        return json.dumps({"model_version_status": rows}, indent=1)
    number, version = models.version(name, number)
    if found[3] == ":predict":
        return predicted(version, json.loads(body))
    spec = {"name": name, "signature_name": "", "version": str(number)}
    definitions = {
        key: json_format.MessageToDict(
            signature,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        for key, signature in version.signatures.items()
    }
    metadata = {"signature_def": {"signature_def": definitions}}
    return json.dumps({"model_spec": spec, "metadata": metadata})


def _handler(models, log):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(None)

        def do_POST(self):
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body):
            try:
                status, text = 200, answered(models, self.path, body)
            except Refused as error:
                status = HTTP[error.code]
                text = json.dumps({"error": error.message})
            log.append((self.path, len(text)))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    return Handler


class _Threads(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@contextlib.contextmanager
def rest_server(models, log=None):
    """Serves Models; yields `http://HOST:PORT`.

    Args:
      models: Models.
      log: list that (path, bytes of the answer) of each request is added to.
    """
    handler = _handler(models, [] if log is None else log)
    with _Threads(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _number(spec):
    return spec.version.value if spec.HasField("version") else None


def _services(models):
    """(PredictionService, ModelService) of Models."""
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            with _status(context):
                spec = request.model_spec
                _, version = models.version(spec.name, _number(spec))
                values = {n: tf.make_ndarray(v) for n, v in request.inputs.items()}
                name = spec.signature_name or "serving_default"
                outputs = version.run(name, values, request.output_filter)
                reply = predict_pb2.PredictResponse()
                for name, value in outputs.items():
                    reply.outputs[name].CopyFrom(tf.make_tensor_proto(value))
                return reply

        def GetModelMetadata(self, request, context):
            with _status(context):
                spec = request.model_spec
                _, version = models.version(spec.name, _number(spec))
                definitions = get_model_metadata_pb2.SignatureDefMap()
                for name, signature in version.signatures.items():
                    definitions.signature_def[name].CopyFrom(signature)
                reply = get_model_metadata_pb2.GetModelMetadataResponse()
                reply.metadata["signature_def"].Pack(definitions)
                return reply

    class Model(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            with _status(context):
                spec = request.model_spec
                reply = get_model_status_pb2.GetModelStatusResponse()
                for number, state in models.status(spec.name, _number(spec)).items():
                    kind = get_model_status_pb2.ModelVersionStatus
                    reply.model_version_status.add(
                        version=number, state=kind.State.Value(state)
                    )
                return reply

    return Prediction(), Model()


@contextlib.contextmanager
def _status(context):
    import grpc

    try:
        yield
    except Refused as error:
        context.abort(getattr(grpc.StatusCode, error.code), error.message)


@contextlib.contextmanager
def grpc_server(models, threads=4):
    """Serves Models; yields `HOST:PORT`."""
    import grpc
    from tensorflow_serving.apis import (
        model_service_pb2_grpc,
        prediction_service_pb2_grpc,
    )

    pool = concurrent.futures.ThreadPoolExecutor(threads)
    # As TensorFlow Serving: requests of any size.
    server = grpc.server(pool, options=[("grpc.max_receive_message_length", -1)])
    prediction, model = _services(models)
    add = prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server
    add(prediction, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
        pool.shutdown()
