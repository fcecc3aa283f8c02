"""The live oracle: what the real kube-scheduler decides, asked case by case.

`program/` holds the Go program over kube-scheduler's own packages; `python -m tests.cluster.binaries oracle` builds it.
Here its process is started and spoken to. The format of cases and answers is told in `recordings`; cases without end
come from `strategies`:

    with Oracle() as oracle:
        case = oracle.stored(case)
        want = oracle.settled(case)
"""

from __future__ import annotations

import collections
import contextlib
import json
import queue
import random
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Any, Self

from tests.cluster.binaries import binary
from tests.cluster.recipes import recipe
from tests.oracle.recordings import Case, Want

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Answer = dict[str, Any]
"""A line of the program: a decision, a stored case, or the id and `error` of what it would not answer."""

_IN_FLIGHT = 32
"""Lines that are asked before the first is answered: enough to keep its workers busy, few enough to keep in memory."""

_STOP_SECONDS = 10.0


class OracleFailed(Exception):
    """The program ended, or kept silent for too long; the message ends with what it printed."""


class Unanswered(Exception):
    """The program has no answer to a case: the API server would refuse an object, or the scheduler would crash."""


class Oracle:
    """kube-scheduler with its default configuration, in a process: `with Oracle() as oracle: oracle.decide(case)`.

    Not for several threads at once. Objects are defaulted as the API server does it; `stored` also does to them what
    storing does, so that other readers of the case see what a scheduler would.
    """

    def __init__(self, program: Path | None = None, patience: float = 60.0) -> None:
        """Use `program`, or the built one; `patience` is how many seconds an answer may take. Raises NotBuilt."""
        self._program = program or binary("oracle")
        self._patience = patience
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._ends = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def version(self) -> str:
        """The release of Kubernetes that answers, as `v1.37.2`."""
        return recipe("oracle").version

    def __enter__(self) -> Self:
        self._printed = self._ends.enter_context(tempfile.TemporaryFile())
        self._process = subprocess.Popen(
            [self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._printed
        )
        reader = threading.Thread(target=self._read, args=[self._process], daemon=True)
        reader.start()
        self._ends.callback(reader.join, _STOP_SECONDS)
        self._ends.callback(self._stop, self._process)
        return self

    def __exit__(self, *_: object) -> None:
        self._process = None
        self._ends.close()

    def decide(self, case: Case) -> Want:
        """What kube-scheduler does with the pod of `case`. Raises Unanswered."""
        return next(self.decide_all([case]))

    def decide_all(self, cases: Iterable[Case]) -> Iterator[Want]:
        """The decisions, in order, several being made at the same time."""
        for answer in self.ask(cases):
            if "nodes" not in answer:
                raise Unanswered(f"{answer['id']}: {answer['error']}")
            yield answer

    def settled(self, case: Case, times: int = 5) -> Want | None:
        """The decision, if it comes out the same so many times, the objects in another order each time; else None.

        Where chance has a part in more than which of the `hosts` is taken, no two schedulers need agree. Raises
        Unanswered.
        """
        return next(self.settled_all([case], times))

    def settled_all(self, cases: Iterable[Case], times: int = 5) -> Iterator[Want | None]:
        """The settled decisions, in order, with None for what is not."""
        answers = self.ask(_shuffled(case, turn) for case in cases for turn in range(times))
        for first, *others in zip(*[answers] * times, strict=True):
            for answer in (first, *others):
                if "nodes" not in answer and not answer.get("unstable"):
                    raise Unanswered(f"{answer['id']}: {answer['error']}")
            yield first if "nodes" in first and all(other == first for other in others) else None

    def stored(self, case: Case) -> Case:
        """`case` as a real API server would hold it, without admission. Raises Unanswered when it would refuse it."""
        return next(self.stored_all([case]))

    def stored_all(self, cases: Iterable[Case]) -> Iterator[Case]:
        """The cases as stored, in order."""
        for answer in self.ask({**case, "store": True} for case in cases):
            if "pod" not in answer:
                raise Unanswered(f"{answer['id']}: {answer['error']}")
            yield Case(id=answer["id"], objects=answer["objects"], pod=answer["pod"])

    def ask(self, lines: Iterable[object]) -> Iterator[Answer]:
        """The program's answers to `lines`, in order and whatever they say. A line is a JSON value, or text to send."""
        asked: collections.deque[object] = collections.deque()
        for line in lines:
            self._send(line)
            asked.append(line)
            if len(asked) == _IN_FLIGHT:
                yield self._receive(asked.popleft())
        while asked:
            yield self._receive(asked.popleft())

    def _send(self, line: object) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the oracle is used outside of its with block")
        text = line if isinstance(line, str) else json.dumps(line)
        try:
            self._process.stdin.write(text.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as fault:
            raise OracleFailed(f"the oracle has ended: {self._last_words()}") from fault

    def _receive(self, asked: object) -> Answer:
        name = asked.get("id") if isinstance(asked, dict) else asked
        try:
            answer = self._answers.get(timeout=self._patience)
        except queue.Empty:
            raise OracleFailed(f"no answer to {name} within {self._patience:g} s: {self._last_words()}") from None
        if not answer:
            self._answers.put(answer)
            raise OracleFailed(f"the oracle ended before it answered {name}: {self._last_words()}")
        decoded: Answer = json.loads(answer)
        return decoded

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Take answers as they come, so that neither side waits for the other to read; an empty one is the end."""
        assert process.stdout is not None
        with process.stdout:
            for answer in process.stdout:
                self._answers.put(answer)
        self._answers.put(b"")

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)

    def _last_words(self) -> str:
        self._printed.seek(0)
        return self._printed.read()[-2000:].decode(errors="replace") or "it printed nothing"


def _shuffled(case: Case, turn: int) -> Case:
    """The same case with its objects in another order, the same for each run."""
    objects = list(case["objects"])
    random.Random(f"{case['id']} {turn}").shuffle(objects)
    return Case(id=case["id"], objects=objects, pod=case["pod"])
