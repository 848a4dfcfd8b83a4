"""The process scripts run in: reads programs, evaluates each in a context of its own, writes what came of it.

Owns the limits a process can set itself; they are the first line, its parent's clock is the one that holds. Runs as a
file of its own and must not import anything of this package: it starts in a few hundredths of a second for that.

A message, both ways, is its length as four bytes, big-endian, and UTF-8 text. An empty one says that the process is
ready. A program is answered with `=` and the JSON text it gave, or with `!` and why there is none. The process ends
when its input does, and heeds no other call to end but the one that cannot be refused: its parent drains.
"""

import os
import re
import resource
import signal
import struct
import sys

# The engine alone: `quickjs` around it imports thread pools, and a start would take twice the time.
from _quickjs import Context, JSException

MAXIMUM_RESULT = 64 * 1024
"""Characters of JSON text."""
TIME_SECONDS = 0.15
LATE = f"the script took longer than {TIME_SECONDS * 1000:.0f} ms of processor time"
NO_TEXT = "an error without text"
MEMORY_BYTES = 16 * 1024 * 1024
STACK_BYTES = 512 * 1024
ADDRESS_SPACE_BYTES = 256 * 1024 * 1024
CPU_SECONDS = 1
"""Of one program, when nobody is left to end the process sooner."""
NICENESS = 5

HEADER = struct.Struct(">I")
LONE_SURROGATE = re.compile(r"\\\\|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""JSON.stringify escapes those alone, and backslashes."""


def limit_process() -> None:
    """Little memory, no files, and after everybody else."""
    os.nice(NICENESS)
    for what, most in (
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),
    ):
        resource.setrlimit(what, (most, most))


def limit_cpu() -> None:
    """A second more than was used so far; the kernel then ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def fresh_context() -> Context:
    context = Context()
    context.set_memory_limit(MEMORY_BYTES)
    context.set_max_stack_size(STACK_BYTES)
    context.set_time_limit(TIME_SECONDS)
    return context


def answer(context: Context, program: str) -> str:
    """What came of the program."""
    try:
        result = context.eval(program)
    except JSException as error:
        return f"!{_first_line(str(error))}"
    if not isinstance(result, str):
        return "!the program gave no text"
    if len(result) > MAXIMUM_RESULT:
        return f"!the value: {len(result)} characters, at most {MAXIMUM_RESULT}"
    # Half a character cannot be sent on.
    whole = LONE_SURROGATE.sub(lambda found: found[0] if found[0] == r"\\" else "\ufffd", result)
    return f"={whole}"


def _first_line(message: str) -> str:
    """Of an error: the rest is where in the program it was thrown."""
    first = (message.strip() or NO_TEXT).splitlines()[0]
    if first.startswith("(Failed obtaining"):
        # The engine, of an error whose text is an error.
        return NO_TEXT
    return LATE if first == "InternalError: interrupted" else first[:300]


def main() -> None:
    programs, answers = sys.stdin.buffer, sys.stdout.buffer
    for call in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(call, signal.SIG_IGN)
    limit_process()
    answers.write(HEADER.pack(0))
    answers.flush()
    while True:
        # Made while nobody waits.
        context = fresh_context()
        header = programs.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        program = programs.read(HEADER.unpack(header)[0]).decode()
        limit_cpu()
        text = answer(context, program).encode()
        answers.write(HEADER.pack(len(text)) + text)
        answers.flush()


if __name__ == "__main__":
    main()
