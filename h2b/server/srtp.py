"""SRTP: protected packets made plain, or found to be forged (RFC 3711). The only place that knows the library.

Owns what is done with a key. Must not know where it came from, sockets, or what a packet holds.
"""

from enum import Enum, auto
from importlib.util import find_spec

from h2b.model.errors import ConfigurationError
from h2b.telephony.rtp import is_rtcp
from h2b.telephony.sdp_crypto import Crypto, Suite

MAXIMUM_BYTES = 1500
"""Of a protected packet: the library has no room for more, nor has Ethernet."""
_REPLAYED = "replay check failed"
"""How the library's text for a packet that came before, or is too old to tell, begins."""


class Rejected(Enum):
    """Why a packet does not count."""

    FORGED = auto()
    """It was not protected with the key, or was changed on the way."""
    REPLAYED = auto()
    """It came before, or is too old to know."""
    SRTCP = auto()
    """It is no sound but control, which is not read."""


class Unprotector:
    """The receiving end of one protected stream. Its library must be installed: see `check_srtp`."""

    def __init__(self, crypto: Crypto) -> None:
        # The library is an extra: who takes no protected calls need not have it.
        import pylibsrtp

        profiles = {
            Suite.TAG_80: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
            Suite.TAG_32: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        }
        policy = pylibsrtp.Policy(
            key=crypto.key,
            ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND,
            srtp_profile=profiles[crypto.suite],
        )
        self.crypto = crypto
        self._session = pylibsrtp.Session(policy)
        self._error = pylibsrtp.Error

    def __call__(self, datagram: bytes) -> bytes | Rejected:
        """The RTP packet in a datagram, or why there is none. Nothing that comes is an error."""
        if is_rtcp(datagram):
            return Rejected.SRTCP
        if len(datagram) > MAXIMUM_BYTES:
            return Rejected.FORGED
        try:
            return self._session.unprotect(datagram)
        except self._error as error:
            return Rejected.REPLAYED if str(error).startswith(_REPLAYED) else Rejected.FORGED


def check_srtp(srtp: str) -> None:
    """See that what `srtp` in [mrcp] asks for can be had. Raises ConfigurationError."""
    if srtp != "off" and find_spec("pylibsrtp") is None:
        lacking = f"srtp in [mrcp]: {srtp!r} needs the package pylibsrtp"
        raise ConfigurationError(f"{lacking}, run: pip install /path/to/clone[srtp]")
