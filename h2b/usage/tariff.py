"""What recognitions cost: a tariff, as its file says.

Owns the file's keys and the arithmetic of money. Must not know records. Money is integers: millionths of the currency's
unit ("micros"), so that no sum depends on the order of its parts.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from h2b.model.causes import CompletionCause
from h2b.model.errors import ConfigurationError, nearest, shorten
from h2b.model.toml import read_toml

MICROS = 6
"""Decimal digits of the smallest amount."""


def _half(up_on_tie: Callable[[int], bool]) -> Callable[[int, int], int]:
    def rounded(amount: int, step: int) -> int:
        whole, rest = divmod(amount, step)
        return whole + (2 * rest > step or (2 * rest == step and up_on_tie(whole)))

    return rounded


ROUNDINGS: Mapping[str, Callable[[int, int], int]] = {
    "up": lambda amount, step: -(-amount // step),
    "down": lambda amount, step: amount // step,
    "half-up": _half(lambda whole: True),
    "half-even": _half(lambda whole: whole % 2 == 1),
}
"""Name of a rule -> from an amount, never negative, and the size of a step to a number of steps."""

UNITS_OF = ("recognition", "line")


@frozen(kw_only=True)
class Tariff:
    """Prices and rules."""

    version: str
    """Its name; every invoice tells it."""
    currency: str
    unit_ms: int
    """Milliseconds of a unit; a unit that was started counts."""
    price_micros: int
    """Price of a unit, in millionths of the currency's unit."""
    decimals: int = 2
    """Decimal digits of an amount on an invoice."""
    rounding: str = "half-even"
    """How the amount of a line gets these digits."""
    units_of: str = "recognition"
    """Where started units are counted: in each recognition, or in the sum of a line."""
    free_causes: tuple[str, ...] = field(default=())
    """Completion causes that cost nothing."""

    def units(self, billed_ms: int) -> int:
        """Units that were started in a time; none in no time."""
        return -(-max(billed_ms, 0) // self.unit_ms)

    def amount(self, units: int) -> int:
        """The price of units in the smallest amounts of an invoice: cents, where `decimals` is 2."""
        return ROUNDINGS[self.rounding](units * self.price_micros, 10 ** (MICROS - self.decimals))

    def shown(self, amount: int) -> str:
        """Such an amount with its decimal point."""
        if not self.decimals:
            return str(amount)
        whole, rest = divmod(amount, 10**self.decimals)
        return f"{whole}.{rest:0{self.decimals}d}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_one_of(names: Collection[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names


def _are_causes(value: Any) -> bool:
    return isinstance(value, list) and all(_is_one_of(CompletionCause.__members__)(cause) for cause in value)


_KEYS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "version": (_is_text, "a string"),
    "currency": (_is_text, "a string such as 'EUR'"),
    "unit_ms": (_is_whole(1, 86_400_000), "an integer from 1 to 86400000"),
    "price_micros": (_is_whole(0, 10**12), "an integer from 0 to 1000000000000"),
    "decimals": (_is_whole(0, MICROS), f"an integer from 0 to {MICROS}"),
    "rounding": (_is_one_of(ROUNDINGS), f"one of {', '.join(ROUNDINGS)}"),
    "units_of": (_is_one_of(UNITS_OF), f"one of {', '.join(UNITS_OF)}"),
    "free_causes": (_are_causes, f"a list of {', '.join(CompletionCause.__members__)}"),
}
REQUIRED = ("version", "currency", "unit_ms", "price_micros")


def load_tariff(path: Path) -> Tariff:
    """The tariff of a file. Raises ConfigurationError, naming the file."""
    try:
        return parse_tariff(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error


def parse_tariff(text: str, path: str = "") -> Tariff:
    """The tariff of a TOML text. Raises ConfigurationError."""
    content = read_toml(text, path)
    for key, value in content.items():
        if key not in _KEYS:
            raise ConfigurationError(f"{path}: unknown key '{key}'{nearest(key, _KEYS)}")
        fits, expected = _KEYS[key]
        if not fits(value):
            raise ConfigurationError(f"{path}: {key}: got {shorten(value)}, expected {expected}")
    for key in REQUIRED:
        if key not in content:
            raise ConfigurationError(f"{path}: {key} is missing, expected {_KEYS[key][1]}")
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return Tariff(**given)
