"""What the images of pods are built for, asked with the credentials at hand.

Owns which those are: the pull secrets that a pod names, as far as whoever runs the command may read them, and the
docker configuration of that person. What cannot be read is told once, and the image is asked for without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from scheduler.images.pod_images import PodImage, ResolvedImage
from scheduler.kube.errors import ApiError
from scheduler.kube.requests import ApiClient
from scheduler.kube.secrets import PullSecrets
from scheduler.oci.credentials import NO_CREDENTIALS, Keyring
from scheduler.oci.resolver import Resolver
from scheduler.oci.settings import RegistrySettings

DOCKER_CONFIG = Path("~/.docker/config.json")


class ImageQuestions:
    """Close it after use. ``problems``: sentences about credentials that could not be had."""

    def __init__(self, client: ApiClient, plain_http: Iterable[str] = ()) -> None:
        self.problems: list[str] = []
        settings = RegistrySettings(plain_http=frozenset(plain_http), docker_configs=(DOCKER_CONFIG.expanduser(),))
        self._resolver = Resolver(settings, on_problem=self._problem)
        self._secrets = PullSecrets(client, on_problem=self._problem)

    async def answers(
        self, namespace: str, secrets: Sequence[str], images: Sequence[PodImage]
    ) -> tuple[ResolvedImage, ...]:
        """Each image with what is known of it, in order. Never raises."""
        keyring = await self._keyring(namespace, secrets)
        answers = await asyncio.gather(*(self._resolver.resolve(image.image, keyring) for image in images))
        return tuple(map(ResolvedImage, images, answers))

    async def close(self) -> None:
        await self._resolver.close()

    async def _keyring(self, namespace: str, secrets: Sequence[str]) -> Keyring:
        if not secrets:
            return NO_CREDENTIALS
        try:
            return Keyring.from_pull_secrets(await self._secrets.read(namespace, secrets))
        except ApiError as error:
            self._problem(f"pull secrets of namespace {namespace}: {error}")
            return NO_CREDENTIALS

    def _problem(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)
