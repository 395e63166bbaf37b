"""Errors of a cloud that some of its readers handle themselves."""

from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason


class ForbiddenError(LeftOutError):
    """403: the credential lacks the right. Uncaught, the collector is left out as `unauthorized`."""

    def __init__(self, message: str) -> None:
        super().__init__(LeftOut.UNAUTHORIZED, message)


class NotThereError(CollectError):
    """404: the object is gone, or the cloud does not know the call."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.UNAVAILABLE, message)
