"""A kubeconfig -> endpoint and credentials.

Owns the choice of context and what rotates: token files and plugins are followed here for as long as the process runs.
Files, merging, embedded certificates and the plugin protocol are read by the official client's code, which is slow to
import; hence ``connection`` imports this module only when it connects. A token from an ``auth-provider`` stanza (oidc,
gcp: replaced by plugins long ago) is taken once, at the start.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.exec_provider import ExecProvider
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger
from yarl import URL

from scheduler.kube.certificates import CertificateFiles, tls_context
from scheduler.kube.credentials import Credentials, FixedCredentials, TokenFile, fits_header
from scheduler.kube.errors import InvalidConnection
from scheduler.kube.exec_plugin import ExecPlugin, PluginFailed
from scheduler.kube.pool import Endpoint

if TYPE_CHECKING:
    import ssl

# The official reader trips over a malformed file in these ways, apart from its own exception.
_MALFORMED = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError)


async def read_kubeconfig(paths: str, context: str | None) -> tuple[Endpoint, Credentials]:
    """``paths`` is one file or several, separated as in the variable KUBECONFIG; the first to name a thing wins.

    ``context`` None is the current context. Raises InvalidConnection, whose text names the file and what is wrong.
    """
    try:
        stanzas = _read(paths, context)
        configuration = Configuration()
        await KubeConfigLoader(stanzas.merged, context, config_base_path=None).load_and_set(configuration)
        return _assemble(configuration, stanzas)
    except InvalidConnection as error:
        raise InvalidConnection(f"kubeconfig {paths}: {error}") from error
    except _MALFORMED as error:
        raise InvalidConnection(f"kubeconfig {paths} cannot be used: {error}") from error


@dataclasses.dataclass(frozen=True, slots=True)
class _Stanzas:
    """What the files say, in the official reader's nodes. The two that have to be followed are taken out of ``merged``,
    for the loader would take them once.
    """

    merged: Any
    plugin: Any
    token_file: Path | None


def _read(paths: str, context: str | None) -> _Stanzas:
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        raise InvalidConnection("there is no such file")
    merged = KubeConfigMerger(paths).config
    chosen = merged["contexts"].get_with_name(context or merged["current-context"])["context"]
    server = merged["clusters"].get_with_name(chosen["cluster"])["cluster"].safe_get("server")
    if not server:
        raise InvalidConnection(f"cluster {chosen['cluster']} has no server")
    if not URL(server).host or URL(server).scheme not in {"http", "https"}:
        raise InvalidConnection(f"the server {server} of cluster {chosen['cluster']} is no http or https URL")
    user = _user(merged, chosen)
    plugin = user["exec"] if user.safe_get("exec") else None
    user.value.pop("exec", None)
    token_file = user.value.pop("tokenFile", None)
    return _Stanzas(merged, plugin, Path(user.path or "").absolute().parent / token_file if token_file else None)


def _user(merged: Any, chosen: Any) -> Any:
    """The stanza of the context's user. A context without one gets an empty one: the loader expects it to be there."""
    name = chosen.safe_get("user")
    if name:
        user = merged["users"].get_with_name(name)
        user.value["user"] = user.value.get("user") or {}
        return user["user"]
    chosen.value["user"] = "nobody"
    merged.value["users"].append({"name": "nobody", "user": {}})
    return merged["users"].get_with_name("nobody")["user"]


def _assemble(configuration: Any, stanzas: _Stanzas) -> tuple[Endpoint, Credentials]:
    server = configuration.host
    authority, certificate, key = (
        None if path is None else Path(path)
        for path in (configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file)
    )
    context = tls_context(authority, verify=configuration.verify_ssl) if server.startswith("https") else None
    credentials: Credentials
    if stanzas.plugin is not None:
        credentials = _exec_plugin(stanzas.plugin, context)
    elif stanzas.token_file is not None:
        credentials = TokenFile(stanzas.token_file)
    else:
        credentials = FixedCredentials(_header(configuration.api_key.get("BearerToken")))
    if context is not None:
        credentials = CertificateFiles(context, credentials, authority=authority, certificate=certificate, key=key)
    endpoint = Endpoint(server, context, configuration.tls_server_name, configuration.proxy)
    return endpoint, credentials


def _exec_plugin(plugin: Any, context: ssl.SSLContext | None) -> ExecPlugin:
    async def run() -> Any:
        try:
            return await ExecProvider(plugin).run()
        except ConfigException as error:
            raise PluginFailed(str(error)) from error

    ExecProvider(plugin)  # a stanza without its parts is an error of the kubeconfig, known before the first request
    return ExecPlugin(run, plugin["command"], context)


def _header(authorization: str | None) -> str | None:
    """Tokens are often pasted with a line end, which no header may contain."""
    if authorization is None:
        return None
    header = authorization.strip()
    if not fits_header(header):
        raise InvalidConnection("the user's token or password cannot be sent in a header")
    return header
