"""The shape of the package, kept by a walk over its syntax trees: imports point one way, modules stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import h2b

PACKAGE = Path(h2b.__file__).parent

LAYERS = (
    {"model"},
    {"wire", "audio", "grammar", "language", "config", "configfile"},
    {"protocol", "loglines"},
    {"asr", "usage", "access", "telephony"},
    {"server"},
    {"cli"},
    {"__main__"},
)
"""Each part may import those of the layers above it in this list, and itself."""

WITHIN_A_LAYER = {("grammar", "language"), ("config", "audio"), ("configfile", "config")}
"""The only imports between two parts of one layer: words for grammars, and the endpointer's settings for config."""

ONLY_IN = {
    "trio": (
        *("h2b.asr.background", "h2b.asr.pool", "h2b.asr.process", "h2b.asr.raypool", "h2b.asr.scripted"),
        *("h2b.server", "h2b.cli"),
    ),
    "ray": ("h2b.asr.raylink",),
    "trio_websocket": ("h2b.server.websocket", "h2b.cli.client"),
    "lxml": ("h2b.wire.nlsml", "h2b.grammar.srgs"),
    "quickjs": ("h2b.grammar.sisr",),
    "_quickjs": ("h2b.grammar.sisr",),
    "webrtcvad": ("h2b.audio.vad",),
    "jwt": ("h2b.access",),
    "cryptography": ("h2b.access",),
    "starlette": ("h2b.server.http",),
    "anycorn": ("h2b.server.http",),
    "anyio": ("h2b.server.http",),
    "prometheus_client": ("h2b.server.metrics", "h2b.server.gathered"),
    "psycopg": ("h2b.usage.postgres",),
    "pylibsrtp": ("h2b.server.srtp",),
    "opentelemetry": ("h2b.server.telemetry",),
    "onnxruntime": ("h2b.asr.backends",),
    "onnx": ("h2b.asr.backends",),
    "faster_whisper": ("h2b.cli.peers",),
    "pocketsphinx": ("h2b.cli.peers",),
    "sherpa_onnx": ("h2b.asr.backends", "h2b.cli.peers"),
    "vosk": ("h2b.asr.backends", "h2b.cli.peers"),
}
"""Third-party modules and the places that may know them."""

NO_NAMES = ("manager", "helper", "utils")
"""Names that say nothing; `data` neither, as a whole word."""

MAXIMUM_MODULE_LINES = 500
MAXIMUM_FUNCTION_LINES = 60


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


MODULES = modules()


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Dotted names of all a module imports, wherever in it the import stands."""
    parts = module.split(".")
    package = parts if MODULES[module].name == "__init__.py" else parts[:-1]
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def part(module: str) -> str:
    """The direct child of `h2b` a dotted name lies in; empty for the package itself and what it defines."""
    child = [*module.split("."), ""][1]
    return child if f"h2b.{child}" in MODULES or (PACKAGE / child).is_dir() else ""


def layer(name: str) -> int:
    found = [rank for rank, parts in enumerate(LAYERS) if name in parts]
    assert found, f"h2b.{name} has no place in LAYERS"
    return found[0]


def lies_in(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    own = part(module)
    for name in imports(module):
        target = part(name) if name.split(".")[0] == "h2b" else ""
        if not target or target == own:
            continue
        assert own, f"{module} imports {name}: the package itself imports none of its parts"
        downwards = layer(target) < layer(own)
        assert downwards or (own, target) in WITHIN_A_LAYER, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_third_parties_are_known_only_in_their_place(module: str) -> None:
    for name in imports(module):
        root = name.split(".")[0]
        assert root not in ONLY_IN or lies_in(module, ONLY_IN[root]), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_names_say_what_a_thing_does(module: str) -> None:
    classes = [node.name for node in ast.walk(tree(module)) if isinstance(node, ast.ClassDef)]
    for name in [module.split(".")[-1], *classes]:
        assert name.lower() != "data"
        assert not any(word in name.lower() for word in NO_NAMES), f"{module}: {name}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_functions_stay_small(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MAXIMUM_MODULE_LINES, f"{module} has {lines} lines"
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAXIMUM_FUNCTION_LINES, f"{module}.{node.name} has {length} lines"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree(module)), f"{module} has no docstring"
