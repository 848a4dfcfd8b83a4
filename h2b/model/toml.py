"""TOML texts of the people who run a server, read or refused.

Owns the bounds on what may be in one. Must not know what any of it means.
"""

import re
import tomllib
from typing import Any

from h2b.model.errors import ConfigurationError

MAXIMUM_DEPTH = 32
"""Of tables and arrays in one another."""
MAXIMUM_INTEGER = 2**63 - 1
"""What every reader of TOML must take (TOML 1.0.0, "Integer"); beyond, Python's integers can be told in no message."""


def read_toml(text: str, path: str = "") -> dict[str, Any]:
    """The tables of a text; `path` names it in errors. Raises ConfigurationError, with the line where it is known."""
    try:
        # Some editors begin a file with a mark of its encoding.
        content = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise ConfigurationError(f"not TOML: {error}", path, int(line[1]) if line else None) from error
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError:
        # Python reads no integer of more than 4300 digits.
        raise _too_large(path) from None
    _check(content, path)
    return content


def _check(content: dict[str, Any], path: str) -> None:
    layer: list[Any] = [content]
    for _ in range(MAXIMUM_DEPTH):
        layer = [inner for value in layer for inner in _inside(value)]
        if any(isinstance(value, int) and not -MAXIMUM_INTEGER <= value <= MAXIMUM_INTEGER for value in layer):
            raise _too_large(path)
        if not layer:
            return
    raise _too_deep(path)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep(path: str) -> ConfigurationError:
    return ConfigurationError(f"not TOML: more than {MAXIMUM_DEPTH} tables and arrays in one another", path)


def _too_large(path: str) -> ConfigurationError:
    return ConfigurationError("not TOML: an integer of more than 64 bits", path)
