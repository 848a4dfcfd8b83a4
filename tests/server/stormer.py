"""Opens connections as fast as it is told, from an address of its own, and tells as JSON what became of them.

Arguments: what they say, the server's port, how many, in how many seconds. Its own process, with the least of rights to
a core: what it costs is then its own time, and not the server's.
"""

import errno
import json
import os
import resource
import selectors
import socket
import sys
import time
from collections import Counter, OrderedDict

from operating import upgrade

ADDRESS = "127.0.0.9"
BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of Linux: the port is chosen with the destination, so that there are enough of them."""
SPARE_FILES = 100
QUIET_S = 1.0
"""So long after the last connection, what has not come will not come."""
SAYS = {"upgrade": upgrade(), "leave": upgrade(), "half": upgrade()[:-2], "nothing": b""}


class Storm:
    def __init__(self, kind: str, port: int) -> None:
        self.kind = kind
        self.port = port
        self.answers: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._open: OrderedDict[socket.socket, None] = OrderedDict()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self._most = limit - SPARE_FILES

    def begin(self) -> None:
        if len(self._open) >= self._most:
            self._end(next(iter(self._open)), "kept too long")
        one = socket.socket()
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        one.bind((ADDRESS, 0))
        assert one.connect_ex(("127.0.0.1", self.port)) in (0, errno.EINPROGRESS)
        self._open[one] = None
        self._selector.register(one, selectors.EVENT_WRITE)

    def turn(self) -> None:
        for key, event in self._selector.select(0.005):
            one = key.fileobj
            assert isinstance(one, socket.socket)
            try:
                if event & selectors.EVENT_WRITE:
                    one.send(SAYS[self.kind])
                    self._selector.modify(one, selectors.EVENT_READ)
                else:
                    self._hear(one, one.recv(4096))
            except OSError as error:
                self._end(one, errno.errorcode.get(error.errno or 0, "error"))

    def _hear(self, one: socket.socket, answer: bytes) -> None:
        status = answer.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2][:3]
        if status == "101" and self.kind == "upgrade":
            self.answers[status] += 1
        else:
            self._end(one, status or "closed")

    def _end(self, one: socket.socket, how: str) -> None:
        self.answers[how] += 1
        self._selector.unregister(one)
        del self._open[one]
        one.close()

    def rage(self, count: int, seconds: float) -> None:
        began, begun = time.monotonic(), 0
        while begun < count:
            due = min(count, int(count * (time.monotonic() - began) / seconds))
            while begun < due:
                self.begin()
                begun += 1
            self.turn()
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            self.turn()
        self.answers["open"] = len(self._open)


if __name__ == "__main__":
    os.nice(19)
    kind, port, count, seconds = sys.argv[1:]
    storm = Storm(kind, int(port))
    storm.rage(int(count), float(seconds))
    print(json.dumps(storm.answers))
