"""What a domain writes to its serial console, read from outside from its first byte on.

Source: a stream of virDomainOpenConsole, opened while the domain is paused: what QEMU writes while nobody
reads, it throws away. The stream is read in libvirt's event thread.
"""

import logging
from collections.abc import Callable
from typing import Final

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import NOT_SUPPORTED, UNAUTHORIZED
from stratoscope.clouds.libvirt.lifecycle.errors import fault
from stratoscope.clouds.lifecycle import RunReason, StepError, StepLeftOutError

log = logging.getLogger(__name__)

_MOST_BYTES: Final = 1 << 16
"""Of one read. Of what came before, the end is kept that may begin the text, and the log if it is wanted."""
_EVENTS: Final = (
    libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP
)
_NOTHING_YET: Final = -2
"""What virStreamRecv returns then."""


class Console:
    """The console of one domain.

    Attributes:
        uuid: Of the domain.
        connection: What it is read over, once it is open.
        has_text: The text was written.
        fault: Why it is not read, or no more; None while it is.
    """

    def __init__(self, uuid: str, text: str, uri: str, *, kept: int = 0) -> None:
        """Args: kept: So many bytes of the end of the log, or some more."""
        self.uuid = uuid
        self.connection: Connection | None = None
        self.has_text = False
        self.fault: StepError | StepLeftOutError | None = None
        self._text, self._uri = text.encode(), uri
        self._end = b""
        self._kept, self._log = kept, bytearray()
        self._stream: libvirt.virStream | None = None

    @property
    def log(self) -> str:
        """The end of what the domain has written, as far as it is kept."""
        return bytes(self._log).decode(errors="replace")

    def open(self, connection: Connection) -> None:
        """Read it from now on, and resume the domain, even if it cannot be read; blocks.

        Raises:
            libvirt.libvirtError: The domain is not resumed.
        """
        domain = connection.virt.lookupByUUIDString(self.uuid)
        try:
            stream = connection.virt.newStream(libvirt.VIR_STREAM_NONBLOCK)
            domain.openConsole(None, stream, 0)
            self._stream = stream
            stream.eventAddCallback(_EVENTS, self._happened, None)
        except libvirt.libvirtError as error:
            self.fault = self._refusal(error)
        try:
            domain.resume()
        except libvirt.libvirtError:
            self.close()
            raise
        self.connection = connection

    def close(self) -> None:
        """Read it no more; blocks. Its callback holds the connection: it is removed first."""
        stream, self._stream = self._stream, None
        if stream is not None:
            _try(stream.eventRemoveCallback)
            _try(stream.abort)

    def take(self, part: bytes) -> None:
        """What the domain has written after what it wrote before."""
        text = self._end + part
        self.has_text = self.has_text or self._text in text
        self._end = text[max(0, len(text) - len(self._text) + 1) :]
        if self._kept:
            self._log += part
        if len(self._log) > 2 * self._kept:
            del self._log[: -self._kept]

    def _happened(self, stream: "libvirt.virStream", events: int, _: object) -> None:
        """libvirt-python's callback, in libvirt's thread; it never raises."""
        try:
            part = stream.recv(_MOST_BYTES)
            if isinstance(part, bytes) and part:
                self.take(part)
            elif part != _NOTHING_YET or events & ~libvirt.VIR_STREAM_EVENT_READABLE:
                self.fault = StepError(RunReason.HYPERVISOR, "the domain has closed its console")
        except libvirt.libvirtError as error:
            self.fault = fault(error, self._uri)
        if self.fault is not None:
            _try(stream.eventRemoveCallback)  # or it would be called again and again

    def _refusal(self, error: libvirt.libvirtError) -> StepError | StepLeftOutError:
        refused = fault(error, self._uri)
        if error.get_error_code() in NOT_SUPPORTED | UNAUTHORIZED:
            return StepLeftOutError(str(refused))
        return refused


def _try(call: Callable[[], object]) -> None:
    try:
        call()
    except libvirt.libvirtError as error:
        log.debug("console not closed error=%r", str(error))  # the domain is gone, or the daemon
