"""What is known of images and pods -> messages of ``imageplatform.v1``.

Owns the translation, in one direction.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.images import platform as images_platform
from scheduler.images.content import ContentKind, ImageAnswer, ImageFailure, offered_platforms
from scheduler.images.node_platform import NodePlatform
from scheduler.images.pod_images import Exempt, Misfit, ResolvedImage
from scheduler.images.verdict import Outcome, PodVerdict
from scheduler.rpc.proto import image_platform_pb2 as pb

_KINDS = {
    ContentKind.IMAGE: pb.IMAGE_KIND_SINGLE,
    ContentKind.INDEX: pb.IMAGE_KIND_INDEX,
    ContentKind.ARTIFACT: pb.IMAGE_KIND_ARTIFACT,
    ContentKind.SCHEMA1: pb.IMAGE_KIND_SCHEMA1,
}
_OUTCOMES = {
    Outcome.MATCH: pb.OUTCOME_MATCH,
    Outcome.NO_MATCH: pb.OUTCOME_NO_MATCH,
    Outcome.UNKNOWN: pb.OUTCOME_UNKNOWN,
}


def image_message(name: str, answer: ImageAnswer) -> pb.Image:
    """What is known of an image, under the name that the caller knows it by."""
    if isinstance(answer, ImageFailure):
        return pb.Image(name=name, failure=pb.Failure(cause=answer.cause.value, message=answer.message))
    return pb.Image(
        name=name,
        digest=answer.digest,
        kind=_KINDS[answer.kind],
        platforms=[platform_message(platform) for platform in offered_platforms(answer)],
    )


def pod_image_message(resolved: ResolvedImage) -> pb.PodImage:
    """What is known of an image of a pod."""
    name, answer = resolved.image.image, resolved.answer
    match answer:
        case Exempt():
            return pb.PodImage(image=pb.Image(name=name), source=resolved.image.source, exempt=True)
        case Misfit():
            return pb.PodImage(image=image_message(name, answer.content), source=resolved.image.source)
    return pb.PodImage(image=image_message(name, answer), source=resolved.image.source)


def platform_message(platform: images_platform.Platform) -> pb.Platform:
    """A platform as its image names it."""
    return pb.Platform(
        os=platform.os,
        architecture=platform.architecture,
        variant=platform.variant,
        os_version=platform.os_version,
        os_features=platform.os_features,
    )


def verdict_message(platform: NodePlatform, verdict: PodVerdict, nodes: Iterable[str]) -> pb.Verdict:
    """What holds for a pod on such nodes."""
    return pb.Verdict(
        platform=str(platform),
        outcome=_OUTCOMES[verdict.outcome],
        image="" if verdict.image is None else verdict.image.image.image,
        cause="" if verdict.cause is None else verdict.cause.value,
        reason=verdict.reason,
        nodes=nodes,
    )
