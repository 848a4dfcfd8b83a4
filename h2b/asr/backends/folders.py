"""What the engines for operators' own models share: how a folder is named and refused.

Owns the texts of refusals. Must not know what lies in a folder, nor load anything.
"""

from importlib.util import find_spec
from pathlib import Path

from h2b.model.errors import EngineError


def require_package(module: str, extra: str) -> None:
    """Raises EngineError, with what to install, unless the module of an engine is there. Imports nothing."""
    if find_spec(module) is None:
        raise EngineError(f"the speech engine {module} is not installed, run: pip install /path/to/clone[{extra}]")


def refusal(key: str, folder: Path, lacking: str, expected: str) -> EngineError:
    """A folder that is no model, told in one line: `key` is the setting that names it."""
    found = f"has no {lacking}" if folder.is_dir() else "is not a folder"
    return EngineError(f"{key}: {folder} {found}: expected {expected}")


def model_name(folder: Path) -> str:
    """What `asr_model` says: the folder's own name, with links followed no further than the folder."""
    return folder.absolute().name
