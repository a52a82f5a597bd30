"""TensorFlow Serving's gRPC interface, with its own stubs (the extra `client`)."""

import tensorflow as tf

from od_api.inference import served_address
from od_api.inference.served_signature import read_signatures
from od_api.system.extras import needed

_PACKAGE = "tensorflow-serving-api"


class GrpcClient:
    """Asks one model, as RestClient does.

    Args:
      address: ServedAddress.
      timeout: seconds that an answer may take.

    Raises:
      UserError: the stubs are not installed.
    """

    def __init__(self, address, timeout):
        self._address, self._timeout = address, timeout
        self._grpc = needed("grpc", "client", "grpcio")
        options = [
            ("grpc.max_receive_message_length", served_address.LARGEST_ANSWER),
            ("grpc.max_send_message_length", -1),
        ]
        self._channel = self._grpc.insecure_channel(address.server, options)
        prediction, model = _api("prediction_service"), _api("model_service")
        self._predictions = prediction.PredictionServiceStub(self._channel)
        self._models = model.ModelServiceStub(self._channel)

    def signatures(self):
        """{name: ServedSignature}; errors as of RestClient."""
        messages = _messages("get_model_metadata")
        request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
        reply = self._asked(self._predictions.GetModelMetadata, request)
        definitions = messages.SignatureDefMap()
        if not reply.metadata["signature_def"].Unpack(definitions):
            raise self._address.nonsense("its metadata have no signature_def")
        return read_signatures(definitions.signature_def)

    def predict(self, signature, values, wanted):
        """{name: float32 array}; arguments and errors as of RestClient."""
        request = _messages("predict").PredictRequest(output_filter=wanted)
        request.model_spec.signature_name = signature
        for name, value in values.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        reply = self._asked(self._predictions.Predict, request)
        try:
            return {n: tf.make_ndarray(reply.outputs[n]).astype("f4") for n in wanted}
        except (TypeError, ValueError) as error:
            raise self._address.nonsense(f"its outputs: {error}") from error

    def _asked(self, method, request):
        """The server's reply to a request, which is told of the model here."""
        self._name(request)
        try:
            return method(request, timeout=self._timeout)
        except self._grpc.RpcError as error:
            raise self._worded(error.code(), error.details() or error.code()) from error

    def _name(self, request):
        request.model_spec.name = self._address.name
        if self._address.version is not None:
            request.model_spec.version.value = self._address.version

    def _worded(self, code, details):
        """The UserError of a status."""
        codes = self._grpc.StatusCode
        if code == codes.DEADLINE_EXCEEDED:
            return self._address.too_slow(self._timeout)
        if code == codes.RESOURCE_EXHAUSTED and "message larger than max" in details:
            return self._address.too_large()
        if code == codes.NOT_FOUND:
            return self._address.missing(details, self._states())
        if code in (codes.UNAVAILABLE, codes.UNIMPLEMENTED):
            return self._address.no_server(details)
        return self._address.refused(details)

    def _states(self):
        """As RestClient's."""
        messages = _messages("get_model_status")
        request = messages.GetModelStatusRequest()
        self._name(request)
        try:
            reply = self._models.GetModelStatus(request, timeout=self._timeout)
        except self._grpc.RpcError:
            return {}
        state = messages.ModelVersionStatus.State
        found = {
            row.version: (state.Name(row.state), row.status.error_message)
            for row in reply.model_version_status
        }
        return {} if "AVAILABLE" in {s for s, _ in found.values()} else found


def _api(name):
    return needed(f"tensorflow_serving.apis.{name}_pb2_grpc", "client", _PACKAGE)


def _messages(name):
    return needed(f"tensorflow_serving.apis.{name}_pb2", "client", _PACKAGE)
