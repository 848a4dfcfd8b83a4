"""Encryption of our sockets: one certificate for WebSocket and HTTP, read again when the operator says so.

Owns the files' errors. Must not know what is served.
"""

import ssl
from hashlib import sha256
from pathlib import Path

import structlog
from attrs import define

from h2b.config import TlsSettings
from h2b.model.errors import ConfigurationError

_log = structlog.get_logger("h2b.server.tls")


@define
class Tls:
    """A certificate in use. Connections that are open keep the one they began with."""

    settings: TlsSettings
    context: ssl.SSLContext
    fingerprint: str
    """Of the certificate new connections get, as SDP tells it: `sha-256 AB:CD:…` (RFC 4572)."""

    def reload(self) -> bool:
        """Read the files again. False when they are wrong: what was read before serves on, and the log says why."""
        try:
            # Elsewhere first: a certificate without its key would leave the context in use with neither.
            tried = open_tls(self.settings)
            assert tried is not None
            self.context.load_cert_chain(self.settings.certificate, self.settings.key)
            self.fingerprint = tried.fingerprint
        except (ConfigurationError, OSError) as error:
            _log.error("certificate_refused", reason=str(error))
            return False
        _log.info("certificate_reloaded", certificate=self.settings.certificate)
        return True


def open_tls(settings: TlsSettings) -> Tls | None:
    """The operator's certificate; None where there is none.

    Raises:
        ConfigurationError: a file cannot be read, or the two do not belong together.
    """
    if not settings.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An answer in place of the question for a password that OpenSSL would ask on the terminal.
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: "")
    except OSError as error:
        raise _blamed(settings, error) from error
    return Tls(settings, context, _fingerprint(settings.certificate))


def _blamed(settings: TlsSettings, error: OSError) -> ConfigurationError:
    """The error with the file that is wrong, and what is expected of it: OpenSSL names neither."""
    certificate, key = settings.certificate, settings.key
    marks = {"certificate": (certificate, "-----BEGIN CERTIFICATE"), "key": (key, "PRIVATE KEY-----")}
    for name, (path, begins) in marks.items():
        try:
            text = Path(path).read_text(encoding="ascii", errors="replace")
        except OSError as unread:
            return ConfigurationError(f"{name} in [tls]: cannot be read: {unread.strerror}", path)
        if begins not in text:
            return ConfigurationError(f"{name} in [tls]: expected a {name} in PEM", path)
        if name == "key" and "ENCRYPTED" in text:
            return ConfigurationError("key in [tls]: it has a passphrase, expected one without", path)
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return ConfigurationError(f"key in [tls]: it does not belong to the certificate {certificate}", key)
    why = error.strerror or error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except OSError:
        return ConfigurationError(f"certificate in [tls]: {why}", certificate)
    return ConfigurationError(f"key in [tls]: {why}", key)


def _fingerprint(certificate: str) -> str:
    """Of the first certificate of a file."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = Path(certificate).read_text(encoding="ascii", errors="replace")
    first = begin + text.partition(begin)[2].partition(end)[0] + end
    digest = sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest().upper()
    return "sha-256 " + ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
