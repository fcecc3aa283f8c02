"""The API server as seen from a pod: the environment's address and the ServiceAccount's mounted files.

Owns nothing that ``credentials`` and ``certificates`` do not: it points them at the mount. The official client's code
checks that all is there; it is slow to import, hence ``connection`` imports this module only when it connects.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)

from scheduler.kube.certificates import CertificateFiles, tls_context
from scheduler.kube.credentials import Credentials, TokenFile
from scheduler.kube.errors import InvalidConnection
from scheduler.kube.pool import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping


_NAMESPACE = Path(SERVICE_TOKEN_FILENAME).with_name("namespace")


def own_namespace(path: Path = _NAMESPACE) -> str | None:
    """The namespace of the pod that we are; None if this is no pod."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def read_service_account(
    token: str = SERVICE_TOKEN_FILENAME,
    authority: str = SERVICE_CERT_FILENAME,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Endpoint, Credentials]:
    """Raises InvalidConnection when this is not a pod, or its ServiceAccount is not mounted."""
    configuration = Configuration()
    try:
        loader = InClusterConfigLoader(token, authority, try_refresh_token=False, environ=environment)
        loader.load_and_set(configuration)
    except (ConfigException, OSError, ValueError) as error:
        raise InvalidConnection(
            f"there is no kubeconfig, and the configuration of a pod cannot be used: {error}"
        ) from error
    context = tls_context(Path(authority))
    credentials = CertificateFiles(context, TokenFile(Path(token)), authority=Path(authority))
    return Endpoint(configuration.host, context), credentials
