"""Where a model is served, and what is said when nothing comes from there."""

import re
from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.core.printable import printable

REST, GRPC = "rest", "grpc"
# Bytes of an answer. A detector's final boxes take some thousands, the raw outputs of
# one with many anchors 50 million.
LARGEST_ANSWER = 2**26
TIMEOUT = 60.0

_FORMS = (
    "it is http://HOST:8501/v1/models/NAME or grpc://HOST:8500/NAME, with "
    "/versions/NUMBER behind it for one version"
)
_MODEL = r"(?P<name>[^/:?#]+)(?:/versions/(?P<version>\d+))?/?"
_PATTERNS = {
    REST: re.compile(r"(?P<server>https?://[^/?#]+(?:/[^?#]+?)?)/v1/models/" + _MODEL),
    GRPC: re.compile(r"grpc://(?P<server>[^/?#]+:\d+)/" + _MODEL),
}
_LONGEST_MESSAGE = 500


def is_address(path):
    """Whether a user's path means a served model, and no file."""
    return isinstance(path, str) and path.startswith(("http://", "https://", "grpc://"))


class ServedAddress(NamedTuple):
    """Where a model is.

    Attributes:
      protocol: REST or GRPC.
      server: "http://HOST:8501", or "HOST:8500".
      name: of the model.
      version: its number; None: the server's choice, the newest one.
      text: all of it, as the user gave it.
    """

    protocol: str
    server: str
    name: str
    version: int | None
    text: str

    @classmethod
    def parsed(cls, text):
        """Of `http://HOST:8501/v1/models/NAME` or `grpc://HOST:8500/NAME`.

        Raises:
          UserError: it has another form.
        """
        for protocol, pattern in _PATTERNS.items():
            if found := pattern.fullmatch(text.removesuffix(":predict")):
                version = found["version"] and int(found["version"])
                return cls(protocol, found["server"], found["name"], version, text)
        raise UserError(f"{printable(text)} is no address of a model: {_FORMS}")

    @property
    def url(self):
        """Of the model, in REST."""
        version = "" if self.version is None else f"/versions/{self.version}"
        return f"{self.server}/v1/models/{self.name}{version}"

    def no_server(self, reason):
        """UserError: nobody speaks the protocol there."""
        return UserError(
            f"no server answers at {self._shown}: {_short(reason)}. It must be running "
            f"and its port be that of {'REST' if self.protocol == REST else 'gRPC'}"
        )

    def too_slow(self, timeout):
        """UserError: there was no answer in time."""
        return UserError(
            f"{self._shown} has not answered within {timeout:g} seconds: give it more "
            "time (--timeout, timeout in Python)"
        )

    def refused(self, message):
        """UserError: with what the server says."""
        return UserError(f"{self._shown}: the server says: {_short(message)}")

    def missing(self, message, states):
        """UserError: there is no such model, or it is not ready.

        Args:
          message: the server's.
          states: {version: (state, reason)} of a model that it knows; empty: of one
            that it does not.
        """
        if not states:
            return self.refused(
                f"{_short(message)} (there is no such model or version)"
            )
        listed = ", ".join(
            f"version {version} is {state}{f' ({_short(why)})' if why else ''}"
            for version, (state, why) in sorted(states.items())
        )
        return UserError(f"{self._shown} is not ready: {listed}: try again later")

    def too_large(self):
        """UserError: an answer is larger than LARGEST_ANSWER."""
        return UserError(
            f"an answer of {self._shown} is larger than {LARGEST_ANSWER >> 20} MiB: "
            "export the model anew, so that it has the signature detections, or send "
            "fewer images at once"
        )

    def nonsense(self, reason):
        """UserError: an answer that is none of TensorFlow Serving's."""
        return UserError(
            f"{self._shown} does not answer as TensorFlow Serving does: "
            f"{_short(reason)}"
        )

    @property
    def _shown(self):
        return printable(self.text)


def _short(message):
    text = printable(" ".join(str(message).split()))
    return text if len(text) < _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
