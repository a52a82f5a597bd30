"""TensorFlow Serving's REST interface, with the standard library alone."""

import base64
import http.client
import json
import urllib.error
import urllib.request

import numpy as np
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2

from od_api.inference import served_address
from od_api.inference.served_signature import read_signatures

_NOT_FOUND, _UNAVAILABLE = 404, 503


class RestClient:
    """Asks one model.

    Args:
      address: ServedAddress.
      timeout: seconds that the server may be silent.
    """

    def __init__(self, address, timeout):
        self._address, self._timeout = address, timeout

    def signatures(self):
        """{name: ServedSignature}.

        Raises:
          UserError: no server, no such model, or one that is not ready.
        """
        said = self._asked(f"{self._address.url}/metadata")
        try:
            definitions = said["metadata"]["signature_def"]["signature_def"]
            read = {
                name: json_format.ParseDict(
                    definition,
                    meta_graph_pb2.SignatureDef(),
                    ignore_unknown_fields=True,
                )
                for name, definition in definitions.items()
                if not name.startswith("__")
            }
        except (KeyError, TypeError, AttributeError, json_format.ParseError) as error:
            raise self._address.nonsense(f"its metadata: {error!r}") from error
        return read_signatures(read)

    def predict(self, signature, values, wanted):
        """What the model gives.

        Args:
          signature: its name.
          values: {argument: array, or list of bytes}.
          wanted: names of outputs. REST sends all of them, whoever asks.

        Returns:
          {name: float32 array} of those that are wanted.

        Raises:
          UserError: as of `signatures`, or the model fails, or the answer is too large
            or has others.
        """
        inputs = {name: _as_json(value) for name, value in values.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
        said = self._asked(f"{self._address.url}:predict", body)
        try:
            outputs = said["outputs"]
            return {name: np.asarray(outputs[name], np.float32) for name in wanted}
        except (KeyError, TypeError, ValueError) as error:
            raise self._address.nonsense(f"its outputs: {error!r}") from error

    def _asked(self, url, body=None):
        """The JSON object that the server answers with."""
        headers = {"Content-Type": "application/json"}
        try:
            request = urllib.request.Request(url, body, headers)
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                answer = response.read(served_address.LARGEST_ANSWER + 1)
        except urllib.error.HTTPError as error:
            raise self._refused(error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._unreached(error) from error
        if len(answer) > served_address.LARGEST_ANSWER:
            raise self._address.too_large()
        try:
            return json.loads(answer)
        except ValueError as error:
            raise self._address.nonsense(f"no JSON: {error}") from error

    def _refused(self, error):
        """The UserError of a status that is none of success."""
        try:
            text = error.read(served_address.LARGEST_ANSWER).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            text = ""
        try:
            message = json.loads(text)["error"]
        except (ValueError, KeyError, TypeError):
            message = text or error.reason
        if error.code in (_NOT_FOUND, _UNAVAILABLE):
            return self._address.missing(message, self._states())
        return self._address.refused(message)

    def _unreached(self, error):
        """The UserError of what the standard library raises without an answer."""
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            return self._address.too_slow(self._timeout)
        return self._address.no_server(reason or repr(reason))

    def _states(self):
        """{version: (state, reason)}; empty where the model is not known, or ready."""
        try:
            with urllib.request.urlopen(
                self._address.url, timeout=self._timeout
            ) as file:
                said = json.loads(file.read(served_address.LARGEST_ANSWER))
            found = {
                int(row["version"]): (row["state"], _reason(row.get("status", {})))
                for row in said["model_version_status"]
            }
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            return {}
        return {} if "AVAILABLE" in {s for s, _ in found.values()} else found


def _reason(status):
    return status.get("error_message", "")


def _as_json(value):
    if isinstance(value, list):
        return [{"b64": base64.b64encode(v).decode()} for v in value]
    return value.tolist()
