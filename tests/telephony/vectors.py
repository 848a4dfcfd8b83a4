"""The files of tests/vectors/sip and tests/vectors/sdp."""

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "vectors"


def octets(kind: str, name: str) -> bytes:
    """The octets of one file; `kind` is `sip` or `sdp`."""
    return (_FOLDER / kind / f"{name}.{kind}").read_bytes()


def names(kind: str) -> set[str]:
    """Every file of a kind, without its suffix."""
    return {path.name.removesuffix(f".{kind}") for path in (_FOLDER / kind).glob(f"*.{kind}")}
