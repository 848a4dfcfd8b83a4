"""Keys of SRTP in session descriptions: a=crypto lines, read and written (RFC 4568).

Owns the syntax, and which lines can be taken at all. Must not know the library that uses the keys, nor where ours come
from.

The keys are in the clear: who sees the description hears the call. RFC 4568, section 7.1.1, wants it protected.
"""

import binascii
import re
from base64 import b64decode, b64encode
from enum import Enum

from attrs import field, frozen

KEY_BYTES = 30
"""Master key of 16 octets, then the master salt of 14 (RFC 4568, section 6.2)."""

_LINE = re.compile(r"([1-9][0-9]{0,8})[ \t]+(\S+)[ \t]+(\S+)((?:[ \t]+\S+)*)")
_INLINE = re.compile(r"inline:([A-Za-z0-9+/]{40})(?:\|(?:2\^)?[0-9]{1,20})?", re.IGNORECASE)
"""Key and salt, then perhaps a lifetime, which no call lasts for. What has an MKI, or several keys, is not taken."""
_HARMLESS = re.compile(r"-\S*|WSH=[0-9]{1,9}")
"""Session parameters that may be passed over (RFC 4568, sections 6.3.6 and 6.3.7); others change the packets."""


class Suite(Enum):
    """How packets are encrypted and authenticated (RFC 4568, section 6.2): they differ in the length of the tag."""

    TAG_80 = "AES_CM_128_HMAC_SHA1_80"
    TAG_32 = "AES_CM_128_HMAC_SHA1_32"


@frozen
class Crypto:
    """One a=crypto line: with what its sender protects its packets. `key` has KEY_BYTES."""

    tag: int
    suite: Suite
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite.value} inline:{b64encode(self.key).decode('ascii')}"


def parse_crypto(value: str) -> Crypto | None:
    """The meaning of the value of an a=crypto line; None for one that cannot be taken, whatever the reason."""
    parts = _LINE.fullmatch(value.strip())
    if parts is None:
        return None
    tag, suite, parameters, session = parts.groups()
    inline = _INLINE.fullmatch(parameters)
    known = next((own for own in Suite if own.value == suite), None)
    if known is None or inline is None or not all(_HARMLESS.fullmatch(word) for word in session.split()):
        return None
    try:
        key = b64decode(inline.group(1), validate=True)
    except binascii.Error:
        return None
    return Crypto(int(tag), known, key)
