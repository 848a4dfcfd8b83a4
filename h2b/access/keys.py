"""The key that signs our own tokens.

Owns its file: Ed25519, PKCS #8 in PEM, readable by its owner alone. Must not know what is signed.
"""

import os
import secrets
from hashlib import sha256
from pathlib import Path

from attrs import frozen
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from h2b.access.store import make_private_folder
from h2b.model.errors import ConfigurationError


@frozen
class SigningKey:
    """One key pair."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    @property
    def id(self) -> str:
        """Names the key in a token's header: the beginning of the hash of its public half."""
        raw = self.public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return sha256(raw).hexdigest()[:16]


def key_path(store: Path) -> Path:
    """Where the key of a store of clients is: beside it."""
    return store.with_suffix(".key")


def signing_key(path: Path) -> SigningKey:
    """The key of a file, made when it does not exist yet.

    Raises:
        ConfigurationError: the file cannot be used, or others than its owner can read it.
    """
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError("others can read this key: chmod 600, or remove it to get a new one", str(path))
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"the key of [access]: {error}", str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"the key of [access]: got {type(key).__name__}, expected Ed25519", str(path))
    return SigningKey(key)


def _make(path: Path) -> None:
    """Write a new key. Of several processes that start at once, the first one's key stays."""
    make_private_folder(path.parent)
    octets = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a renaming, never replaces what another process has made meanwhile.
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
