"""What a call does about images that are not known: the pod's policy, its namespace's, or the operator's.

Owns the choice between the policy and the one that holds after the deadline. The policies themselves, and what they
make of an unknown image, are ``scheduler.images.unknown_policy``'s; for an extender, ``wait`` is a no that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scheduler.api.pod import Pod
from scheduler.images.pod_images import ResolvedImage
from scheduler.images.unknown_policy import UnknownAction, UnknownPolicy, policy_for, settle


@dataclass(frozen=True, slots=True)
class Settled:
    """``images`` as the pod is to be judged with. ``wake_in``: seconds after which the answer will be another one."""

    images: tuple[ResolvedImage, ...]
    policy: UnknownPolicy
    problem: str | None
    """What is wrong with an annotation that was passed over."""
    wake_in: float | None


class UnknownImages:
    """``deadline``: seconds after which a pod that waits is treated by ``after_deadline``.

    ``annotations_of`` a namespace.
    """

    def __init__(
        self,
        default: UnknownPolicy,
        deadline: float,
        after_deadline: UnknownPolicy,
        annotations_of: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._default = default
        self._deadline = deadline
        self._after_deadline = after_deadline
        self._annotations_of = annotations_of

    def settle(self, pod: Pod, images: tuple[ResolvedImage, ...], waited: float) -> Settled:
        """The images of a pod that has waited for so many seconds for them."""
        namespace = self._annotations_of(pod.metadata.namespace)
        policy, problem = policy_for(pod.metadata.annotations, namespace, self._default)
        wake_in = None
        if policy.action is UnknownAction.WAIT:
            if waited >= self._deadline:
                policy = self._after_deadline
            else:
                wake_in = self._deadline - waited
        # Left as they are, unknown images are refused everywhere, which is what waiting means to kube-scheduler.
        return Settled(settle(images, policy) or images, policy, problem, wake_in)
