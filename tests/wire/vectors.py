"""The files of tests/vectors/json: frames as they travel, one in a file."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "vectors" / "json"


def frame(kind: str, name: str) -> str:
    """The text of one frame; `kind` is `commands` or `events`."""
    return (_FOLDER / kind / f"{name}.json").read_text(encoding="utf-8").removesuffix("\n")


def names(kind: str) -> set[str]:
    """Every file of a kind, without suffix."""
    return {path.stem for path in (_FOLDER / kind).glob("*.json")}
