"""How this server runs ONNX graphs: one core each, and no more memory than they need.

Owns the options of sessions. Must not know any model.
"""

import ctypes
from pathlib import Path

import onnxruntime

from h2b.model.errors import EngineError


def open_session(path: Path, *, keeps_memory: bool) -> onnxruntime.InferenceSession:
    """A graph, ready to run.

    `keeps_memory` is for graphs that run many times an utterance: what they computed with is kept for the next time. A
    graph that runs once would keep what the longest utterance took, 60 MB for Whisper, and gain nothing measurable.

    Raises:
        EngineError: the file is not there, or not whole.
    """
    options = onnxruntime.SessionOptions()
    # One worker process is one core: the pool scales by processes.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Patterns are kept per input shape, and hardly two utterances have the same: memory for no speed, measured.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = keeps_memory
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # The library has a dozen kinds of errors for this, and no common one.
        what = str(error).partition("\n")[0]
        raise EngineError(
            f"{path} cannot be loaded: delete {path.parent} and start again, it is made anew ({what})"
        ) from error
    give_back()
    return session


def give_back() -> None:
    """Return memory to the system that was freed and that the C library would keep, where it can be told to (glibc)."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
