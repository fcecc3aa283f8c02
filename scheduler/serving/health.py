"""Health as kubelets and people ask for it: named checks, one answer.

Owns the form of the answer, which is that of Kubernetes' own components (upstream:
``staging/src/k8s.io/apiserver/pkg/server/healthz/healthz.go``): 200 with ``ok``, or 500 with a line for each check;
``?verbose`` gives the lines in any case, ``?exclude=NAME`` leaves a check out, ``/readyz/NAME`` asks one alone. Unlike
there the reason of a failure is told, since it holds no secret. What is checked is the business of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

Check = Callable[[], str | None]
"""Returns None when all is well, else one line saying what is not."""

PING = "ping"
"""The check that every endpoint has: somebody answers."""


class Health:
    """The checks of one endpoint, such as ``readyz``, by name, in the order in which they are told."""

    def __init__(self, endpoint: str, checks: Mapping[str, Check]) -> None:
        self.endpoint = endpoint
        self._checks: dict[str, Check] = {PING: lambda: None, **checks}

    def answer(self, excluded: Collection[str] = (), *, verbose: bool = False) -> tuple[int, str]:
        """(HTTP status, text)."""
        lines = [self._line(name, check, name in excluded) for name, check in self._checks.items()]
        failed = any(line.startswith("[-]") for line in lines)
        unknown = sorted(set(excluded) - set(self._checks))
        if unknown:
            lines.append(f"warn: some health checks cannot be excluded: no matches for {', '.join(unknown)}")
        if not (failed or verbose):
            return 200, "ok"
        lines.append(f"{self.endpoint} check {'failed' if failed else 'passed'}")
        return (500 if failed else 200), "\n".join(lines) + "\n"

    def answer_one(self, name: str) -> tuple[int, str] | None:
        """The same of one check. None: there is no such one."""
        check = self._checks.get(name)
        if check is None:
            return None
        problem = check()
        return (200, "ok") if problem is None else (500, f"{name} failed: {problem}\n")

    @staticmethod
    def _line(name: str, check: Check, excluded: bool) -> str:
        if excluded:
            return f"[+]{name} excluded: ok"
        problem = check()
        return f"[+]{name} ok" if problem is None else f"[-]{name} failed: {problem}"
