"""The name of an image as pods write it -> what is asked for, and what its answer is remembered under."""

from __future__ import annotations

from scheduler.images.content import FailureCause, ImageFailure
from scheduler.images.reference import InvalidReference, Reference, parse_reference
from scheduler.oci.credentials import Keyring
from scheduler.oci.mirrors import Places


class Name:
    """A parsed image name. ``text`` is equal for names of one thing: a digest makes the tag beside it decoration.

    Only a short name under `registries.conf` has several ``references``. The text of a name with one reference is as
    ``images.pod_images.name_on_nodes`` has it.
    """

    __slots__ = ("references", "text")

    def __init__(self, references: tuple[Reference, ...]) -> None:
        self.references = references
        self.text = " ".join(
            f"{reference.name}{':' if reference.digest is None else '@'}{reference.target}" for reference in references
        )

    def scope(self, credentials: Keyring) -> str:
        """Which of the credentials concern the image: `Keyring.scope`."""
        if len(self.references) == 1:
            return credentials.scope(self.references[0])
        scopes = [credentials.scope(reference) for reference in self.references]
        return ",".join(scopes) if any(scopes) else ""

    def is_in(self, registry: str) -> bool:
        """Whether it names an image of this registry and can mean no other."""
        return len(self.references) == 1 and self.references[0].registry == registry


def parse_name(image: str, places: Places) -> Name | ImageFailure:
    """The name as the node's runtime understands it, or why it is none."""
    try:
        parse_reference(image)  # what the kubelet refuses, no runtime gets to expand
        names = places.expand(image)
        if not names:
            message = f"image name {image!r} has no registry, and registries.conf names several to search"
            return ImageFailure(FailureCause.INVALID_REFERENCE, message)
        return Name(tuple(map(parse_reference, names)))
    except InvalidReference as error:
        return ImageFailure(FailureCause.INVALID_REFERENCE, str(error))
