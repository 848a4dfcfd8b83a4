"""Encryption of our sockets: one certificate for WebSocket and HTTP, read again when the operator says so.

Owns the files' errors. Must not know what is served.
"""

import ssl

import structlog
from attrs import frozen

from h2b.config import TlsSettings
from h2b.model.errors import ConfigurationError

_log = structlog.get_logger("h2b.server.tls")


@frozen
class Tls:
    """A certificate in use. Connections that are open keep the one they began with."""

    settings: TlsSettings
    context: ssl.SSLContext

    def reload(self) -> bool:
        """Read the files again. False when they are wrong: what was read before serves on, and the log says why."""
        try:
            # Elsewhere first: a certificate without its key would leave the context in use with neither.
            open_tls(self.settings)
            self.context.load_cert_chain(self.settings.certificate, self.settings.key)
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
        named = f"{settings.certificate}, {settings.key}"
        raise ConfigurationError(f"[tls]: {error.strerror or error}", named) from error
    return Tls(settings, context)
