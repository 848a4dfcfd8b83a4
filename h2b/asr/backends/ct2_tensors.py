"""Reads the tensors of a CTranslate2 `model.bin`.

Owns the binary layout of that file (versions 4 to 6, all little-endian): version, specification name, revision, then
each tensor as name, rank, dimensions, element type, byte count and bytes, then the aliases. A name is a 16-bit length
that counts its closing NUL, and the bytes. Every number is checked against what is left of the file before it is used.
Must not know what the tensors mean: whisper_graph does.
"""

import mmap
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

from h2b.model.errors import EngineError

_VERSIONS = range(4, 7)
_MAX_RANK = 8
_BFLOAT16 = 5
# Element types by their number in the file; numpy has no bfloat16, so its bits are kept as uint16.
_ELEMENT_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2", _BFLOAT16: "<u2"}


@frozen
class Tensors:
    """The named tensors of one model; arrays are read-only views of the file, aliases resolved."""

    specification: str
    revision: int
    arrays: Mapping[str, NDArray[Any]]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def shape(self, name: str) -> tuple[int, ...]:
        """The dimensions of a tensor. Raises EngineError when there is none of that name."""
        return tuple(int(size) for size in self._array(name).shape)

    def floats(self, name: str) -> NDArray[np.float32]:
        """A float32 copy of a tensor; quantised ones are divided by their `<name>_scale`.

        Raises EngineError when there is no such tensor, or an integer one has no scale.
        """
        array = self._array(name)
        if array.dtype == np.dtype("<u2"):
            return (array.astype(np.uint32) << 16).view(np.float32)
        if array.dtype.kind == "f":
            return array.astype(np.float32)
        if f"{name}_scale" not in self.arrays:
            raise EngineError(f"model.bin: integer tensor {name!r} has no scale {name + '_scale'!r}")
        scale = self.floats(f"{name}_scale")
        if scale.ndim:
            scale = scale.reshape(scale.shape + (1,) * (array.ndim - scale.ndim))
        return (array.astype(np.float32) / scale).astype(np.float32)

    def integer(self, name: str, default: int) -> int:
        """The value of a scalar tensor (the file keeps numbers such as `num_heads` so), or the default."""
        return int(self.arrays[name].reshape(-1)[0]) if name in self.arrays else default

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self.arrays:
            raise EngineError(f"model.bin: no tensor {name!r}")
        return self.arrays[name]


def read_tensors(parts: Sequence[Path]) -> Tensors:
    """The tensors of a model file, given whole or as its consecutive parts.

    One file is mapped, not read; several are joined in memory. Raises EngineError that names the first part and what
    was found where; OSError when a part cannot be read.
    """
    reader = _Reader(_contents(parts), parts[0])
    version = reader.number("I")
    if version not in _VERSIONS:
        raise reader.error(f"version {version}, expected {_VERSIONS.start} to {_VERSIONS.stop - 1}")
    specification = reader.name()
    revision = reader.number("I")
    arrays: dict[str, NDArray[Any]] = {}
    for _ in range(reader.number("I")):
        name, array = reader.tensor()
        if name in arrays:
            raise reader.error(f"second tensor {name!r}")
        arrays[name] = array
    for _ in range(reader.number("I")):
        alias, name = reader.name(), reader.name()
        if name not in arrays:
            raise reader.error(f"alias {alias!r} of the unknown tensor {name!r}")
        arrays[alias] = arrays[name]
    if reader.rest:
        raise reader.error(f"{reader.rest} bytes after the last alias")
    return Tensors(specification, revision, arrays)


def _contents(parts: Sequence[Path]) -> memoryview:
    if len(parts) > 1:
        joined = memoryview(bytearray(sum(part.stat().st_size for part in parts)))
        offset = 0
        for part in parts:
            with part.open("rb") as file:
                offset += file.readinto(joined[offset:])
        return joined.toreadonly()
    with parts[0].open("rb") as file:
        if parts[0].stat().st_size == 0:
            return memoryview(b"")  # an empty file cannot be mapped
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@define
class _Reader:
    content: memoryview
    path: Path
    offset: int = 0

    @property
    def rest(self) -> int:
        return len(self.content) - self.offset

    def error(self, found: str) -> EngineError:
        return EngineError(f"{self.path}: not a usable CTranslate2 model, at byte {self.offset}: {found}")

    def take(self, length: int) -> memoryview:
        if length > self.rest:
            raise self.error(f"{length} bytes wanted, {self.rest} left")
        self.offset += length
        return self.content[self.offset - length : self.offset]

    def number(self, form: str) -> int:
        return int(struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0])

    def name(self) -> str:
        encoded = bytes(self.take(self.number("H")))
        if not encoded.endswith(b"\0") or b"\0" in encoded[:-1]:
            raise self.error(f"name {encoded[:40]!r} without its one closing NUL")
        try:
            return encoded[:-1].decode()
        except UnicodeDecodeError:
            raise self.error(f"name {encoded[:40]!r} is not UTF-8") from None

    def tensor(self) -> tuple[str, NDArray[Any]]:
        name = self.name()
        rank = self.number("B")
        if rank > _MAX_RANK:
            raise self.error(f"tensor {name!r} of rank {rank}, at most {_MAX_RANK} expected")
        dimensions = [self.number("I") for _ in range(rank)]
        kind = self.number("B")
        if kind not in _ELEMENT_TYPES:
            raise self.error(f"tensor {name!r} of unknown element type {kind}")
        element = np.dtype(_ELEMENT_TYPES[kind])
        length, count = self.number("I"), 1
        for size in dimensions:
            count *= size
        if count == 0:
            raise self.error(f"tensor {name!r} without elements")
        if length != count * element.itemsize:
            raise self.error(
                f"tensor {name!r} of {length} bytes, its dimensions {dimensions} say {count * element.itemsize}"
            )
        return name, np.frombuffer(self.take(length), element).reshape(dimensions)
