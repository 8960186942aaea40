"""The errors a user can cause or meet, each with the exit code of the command line.

Every message is one line: what is wrong, where (file and tag), what to do.
"""


class MarrowmapError(Exception):
    """Anything marrowmap refuses on purpose."""

    exit_code = 1


class UsageError(MarrowmapError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class InputError(MarrowmapError):
    """The input cannot be read or does not suit the question."""

    exit_code = 3


class GeometryError(MarrowmapError):
    """Geometry, side or person contradict each other."""

    exit_code = 4


class ModelError(MarrowmapError):
    """A model or a licence is missing."""

    exit_code = 5


class ConformanceError(MarrowmapError):
    """An output would not conform to its standard."""

    exit_code = 6
