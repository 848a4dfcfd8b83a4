"""Main of a worker process: loads an engine and carries out the pool's orders, one at a time.

Owns the process: its niceness, its signals, its end. Must not know sessions, queues or trio. What it does with
an engine serves other processes too (`h2b.asr.rayactor`). Started by `h2b.asr.pool`:

    python -m h2b.asr.worker --control FD --audio FD --engine MODULE:FUNCTION

Theory of operation
 1. Orders come over the control socket, audio lies in the memory behind the audio descriptor: int16 at 8 kHz from its
    beginning, valid while the order that names its length is carried out.
 2. The process lives as long as the other end of the socket: a thread waits for the hang-up and ends the process in the
    middle of whatever it does, so that a killed server leaves nothing behind. (A parent-death signal would not do: it
    fires when the thread that forked ends, and the server forks in a thread.)
 3. SIGINT and SIGTERM are the server's business: they reach the whole process group, and recognitions that are still
    in work must be able to end.
 4. An engine that raises fails its utterance, not the process. One that crashes or hangs is the pool's to replace.
"""

import argparse
import gc
import importlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import structlog
from attrs import evolve

from h2b.asr.base import Engine, Samples, UtteranceRequest
from h2b.asr.messages import (
    Deframer,
    Failed,
    Heard,
    Load,
    Order,
    Prepare,
    Prepared,
    Progress,
    Ready,
    Recognise,
    Refused,
    Report,
    decode_order,
    encode_report,
)
from h2b.loglines import ENGINE_FAILED, configure_log_as
from h2b.model.errors import EngineError, H2BError

BYTES_PER_SAMPLE = 2
RECEIVE_BYTES = 65536

LoadEngine = Callable[[Mapping[str, Any], Callable[[str], None]], Engine]
"""From engine options and a way to report progress to an engine; `h2b.asr.engines.load_engine` is one."""

_log = structlog.get_logger("h2b.asr.worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until the pool hangs up. Returns the exit status: 1 when the engine could not be loaded."""
    parser = argparse.ArgumentParser(prog="h2b.asr.worker", description=__doc__.splitlines()[0])
    parser.add_argument("--control", type=int, required=True, help="descriptor of the control socket")
    parser.add_argument("--audio", type=int, required=True, help="descriptor of the shared memory")
    parser.add_argument("--engine", required=True, help="module:function that loads the engine")
    parser.add_argument("--nice", type=int, default=10, help="added to the nice value")
    parser.add_argument("--log", default="{}", help="settings of the log, as JSON")
    options = parser.parse_args(arguments)
    configure_log_as(options.log)
    structlog.contextvars.bind_contextvars(pid=os.getpid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(options.nice)
    with socket.socket(fileno=options.control) as control:
        threading.Thread(target=end_with, args=(control,), daemon=True).start()
        return _work(control, options.audio, options.engine)


def end_with(control: socket.socket) -> None:
    """Ends the process when the other end of the socket is gone."""
    poll = select.poll()
    # A hang-up is reported without being asked for; data is not, and stays for the main thread.
    poll.register(control.fileno(), 0)
    poll.poll()
    os._exit(0)


def _work(control: socket.socket, audio: int, engine_name: str) -> int:
    def report(message: Report) -> None:
        control.sendall(encode_report(message))

    orders = _orders(control)
    loading = next(orders, None)
    if not isinstance(loading, Load):
        return 1
    engine = load_engine(engine_name, loading.options, lambda text: report(Progress(text)))
    if isinstance(engine, Refused):
        report(engine)
        return 1
    report(Ready(tuple(engine.languages)))
    for order in orders:
        if isinstance(order, Recognise | Prepare):
            control.sendall(carry_out(engine, order, partial(_samples, audio)))
    return 0


def _orders(control: socket.socket) -> Iterator[Order]:
    deframer = Deframer()
    while received := control.recv(RECEIVE_BYTES):
        yield from map(decode_order, deframer.feed(received))


def load_engine(name: str, options: Mapping[str, Any], report: Callable[[str], None]) -> Engine | Refused:
    """The engine `module:function` gives, or why there is none: that may be anything, and is never raised."""
    module, _, function = name.partition(":")
    try:
        load: LoadEngine | None = getattr(importlib.import_module(module), function, None)
        if load is None:
            raise EngineError(f"no function '{function}' in module '{module}'")
        engine = load(options, report)
    except H2BError as error:
        return Refused(one_line(error))
    except Exception as error:
        _log.exception("engine_not_loaded")
        return Refused(f"the engine could not be loaded: {type(error).__name__}: {one_line(error)}")
    # The tables of languages never change: no collection need walk them again.
    gc.collect()
    gc.freeze()
    return engine


def carry_out(engine: Engine, order: Prepare | Recognise, samples: Callable[[int], Samples]) -> bytes:
    """The report on an order, ready to be sent.

    Args:
        samples: gives the first so many samples of the utterance.
    """
    if isinstance(order, Recognise):
        return _recognise(engine, order.request, samples(order.samples))
    _prepare(engine, order.request)
    return encode_report(Prepared())


def _prepare(engine: Engine, request: UtteranceRequest) -> None:
    try:
        engine.prepare(request)
    except Exception:
        # The decoding of the same request will meet the same fault and answer with it.
        _log.exception("request_not_prepared")


def _recognise(engine: Engine, request: UtteranceRequest, samples: Samples) -> bytes:
    """The report on one utterance: an engine's odd answer is that utterance's fault too."""
    started = time.process_time()
    try:
        recognised = engine.recognise(request, samples)
        spent = recognised.cpu_seconds or time.process_time() - started
        return encode_report(Heard(evolve(recognised, cpu_seconds=spent)))
    except EngineError as error:
        return encode_report(Failed(one_line(error)))
    except Exception as error:
        _log.exception("engine_failed")
        return encode_report(Failed(f"{ENGINE_FAILED}: {type(error).__name__}: {one_line(error)}"))


def _samples(audio: int, count: int) -> Samples:
    return np.frombuffer(os.pread(audio, count * BYTES_PER_SAMPLE, 0), dtype=np.int16)


def one_line(error: Exception) -> str:
    """What went wrong, fit for a completion reason."""
    return " ".join(str(error).split())


if __name__ == "__main__":
    raise SystemExit(main())
