"""Errors that are the input's fault and have a cure the user can apply."""


class UserError(Exception):
    """Bad input of any kind: one message that names the thing and the cure.

    The command line prints the message alone, without a traceback, and exits with 2.
    """


class ConfigError(UserError):
    """A pipeline config that cannot be used.

    Attributes:
      message: what is wrong and how to mend it.
      field_path: the field at fault, e.g. `model.ssd.matcher`; empty when unknown.
      location: `file:line:column` of that field; empty until the file is known.
    """

    def __init__(self, message, field_path="", location=""):
        super().__init__(message)
        self.message = message
        self.field_path = field_path
        self.location = location

    def within(self, field):
        """The same error seen from one message further out."""
        path = f"{field}.{self.field_path}" if self.field_path else field
        return type(self)(self.message, path.replace(".[", "["), self.location)

    def moved(self, places):
        """The same error where a user would look for it.

        Args:
          places: {start of a path: what stands there instead}, for a message that was
            made of another one's fields. The longest start that fits is taken.
        """
        fitting = [start for start in places if self._is_below(start)]
        if not fitting:
            return self
        start = max(fitting, key=len)
        path = places[start] + self.field_path[len(start) :]
        return type(self)(self.message, path, self.location)

    def _is_below(self, start):
        rest = self.field_path.removeprefix(start)
        return self.field_path.startswith(start) and (not rest or rest[0] in ".[")

    def __str__(self):
        return ": ".join(p for p in (self.location, self.field_path, self.message) if p)


class MissingPart(ConfigError):
    """A config that is right, and asks for something that od_api does not have."""


class MissingFile(ConfigError):
    """A config that names a file that is not there, or one that cannot be used."""
