"""Where a scenario is played: a namespace, the scheduler that its pods name, and what can be waited for there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tests.cluster.kube_client import eventually
from tests.cluster.pods import pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.kube_client import KubeClient, Object

WAIT_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Place:
    """`scheduler` is whom the pods name; `image` runs on every node."""

    kube: KubeClient
    namespace: str
    scheduler: str
    image: str

    async def pod(self, name: str, **options: Any) -> None:
        """Create a pod, with the options of `tests.cluster.pods.pod`."""
        await self.kube.create(pod(name, self.image, **{"scheduler": self.scheduler, **options}), self.namespace)

    async def get(self, name: str) -> Object:
        """A pod."""
        return await self.kube.get("Pod", name, self.namespace)

    async def until(self, what: str, name: str, is_so: Callable[[Object], Any]) -> None:
        """Wait until the pod is so."""

        async def asked() -> Any:
            return is_so(await self.get(name))

        try:
            await eventually(f"{name} is {what}", asked, WAIT_SECONDS)
        except TimeoutError as error:
            error.add_note(f"{name} of {self.scheduler}: {(await self.get(name))['status']}")
            raise

    async def bound(self, name: str) -> None:
        """And that is told."""
        await self.until("bound", name, lambda pod: pod["spec"].get("nodeName"))
        await self.events(name, "Scheduled", 1)

    async def waits(self, name: str, phrase: str) -> None:
        """Until its condition holds the phrase."""
        await self.until(f"told {phrase!r}", name, lambda pod: phrase in condition(pod, "PodScheduled"))
        await self.events(name, "FailedScheduling", 1)

    async def gone(self, name: str) -> None:
        async def is_gone() -> bool:
            pods = await self.kube.list("Pod", self.namespace)
            return name not in {each["metadata"]["name"] for each in pods}

        await eventually(f"{name} is gone", is_gone, WAIT_SECONDS)

    async def events(self, name: str, reason: str, *counts: int) -> None:
        """Until the pod has just these events for the reason, counted so often, in the order of their beginning."""

        async def there() -> bool:
            query = {"fieldSelector": f"regarding.name={name},reason={reason}"}
            events = await self.kube.list("Event", self.namespace, "events.k8s.io/v1", **query)
            events.sort(key=lambda event: event["eventTime"])
            return [event.get("series", {}).get("count", 1) for event in events] == list(counts)

        await eventually(f"{name} has events {reason}, counted {counts}", there, WAIT_SECONDS)

    async def release(self, name: str) -> None:
        """Take the pod's finalizers away."""
        await self.kube.patch("Pod", name, {"metadata": {"finalizers": None}}, self.namespace)


def condition(pod: Object, kind: str) -> str:
    """The message of a condition; empty if it is not there."""
    conditions = pod["status"].get("conditions", [])
    return next((each.get("message", "") for each in conditions if each["type"] == kind), "")
