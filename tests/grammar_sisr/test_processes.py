"""Processes for scripts: one, and some for many threads."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from h2b.grammar.sisr import process
from h2b.grammar.sisr.process import ScriptProcess, ScriptProcesses
from h2b.model.errors import ScriptError
from tests.grammar_sisr.grammars import program, tagged

LOOP = tagged("for (;;);")


def test_a_process_that_ended_is_replaced(scripts: ScriptProcess) -> None:
    scripts.evaluate('"1"')
    assert scripts._current is not None
    scripts._current.process.kill()
    scripts._current.process.wait()
    with pytest.raises(ScriptError, match=r"^the script ended its process$"):
        scripts.evaluate('"1"')
    assert scripts.evaluate('"1"') == 1


def test_closing_leaves_no_process() -> None:
    with ScriptProcess() as one:
        assert one.evaluate('"1"') == 1
        started = [sandbox for sandbox in (one._current, one._spare) if sandbox is not None]
    assert len(started) == 2
    assert all(sandbox.process.returncode is not None for sandbox in started)
    with pytest.raises(ScriptError, match=r"^scripts are no longer evaluated$"):
        one.evaluate('"1"')


def test_a_process_ends_when_its_input_does() -> None:
    with ScriptProcess() as one:
        one.evaluate('"1"')
        assert one._current is not None
        assert one._current.process.stdin is not None
        one._current.process.stdin.close()
        assert one._current.process.wait(timeout=10) == 0


@pytest.mark.parametrize("call", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_process_serves_until_its_parent_ends_it(call: signal.Signals, scripts: ScriptProcess) -> None:
    scripts.evaluate('"1"')
    assert scripts._current is not None
    scripts._current.process.send_signal(call)
    assert scripts.evaluate('"1"') == 1


def test_a_process_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "SANDBOX", tmp_path / "missing.py")
    one = ScriptProcess()
    with pytest.raises(ScriptError, match=r"^no process for scripts could be started$"):
        one.evaluate('"1"')
    one.close()


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find_spec", lambda name: None)
    with pytest.raises(ScriptError, match=r"^no process for scripts could be started: quickjs-ng is not installed$"):
        ScriptProcess().evaluate('"1"')


def test_threads_get_their_own_values(scripts: ScriptProcess) -> None:
    programs = [tagged(f"out.n = {n}") for n in range(40)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(scripts.evaluate, programs)) == [{"n": n} for n in range(40)]


def test_a_pool_serves_while_one_of_its_processes_runs_away() -> None:
    begun = threading.Barrier(2)

    def run_away() -> str:
        begun.wait()
        with pytest.raises(ScriptError) as raised:
            pool.evaluate(LOOP)
        return str(raised.value)

    with ScriptProcesses(2, limit_seconds=1) as pool, ThreadPoolExecutor(1) as threads:
        away = threads.submit(run_away)
        begun.wait()
        assert [pool.evaluate(tagged(f"out = {n}")) for n in range(20)] == list(range(20))
        assert away.result(timeout=20).startswith("the script took longer than ")


def test_more_threads_than_processes_wait_for_one() -> None:
    programs = [LOOP if n % 5 == 0 else program("$r = x {out = 1};", "x") for n in range(15)]

    def value(wanted: str) -> object:
        try:
            return pool.evaluate(wanted)
        except ScriptError:
            return "failed"

    with ScriptProcesses(2, limit_seconds=1) as pool, ThreadPoolExecutor(6) as threads:
        assert list(threads.map(value, programs)) == ["failed" if n % 5 == 0 else 1 for n in range(15)]
