"""Settings of everything that speaks to registries.

Owns the limits and their defaults; refuses values that could not work. `scheduler.config` fills it from the settings
file. Sizes are bytes, times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

_MIB = 1024 * 1024


class InvalidRegistrySettings(ValueError):
    """A field holds a value that cannot work, or names a file that cannot be used; the message names them.

    The errors of the files are kinds of it, so that a start which fails for any of them fails in one way.
    """


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """How registries are asked, and for how long their answers are good."""

    deadline: float = 30.0
    """For one image, all requests and waits together; after it the answer is `timeout`."""
    connect_timeout: float = 5.0
    """For the TCP connection and the TLS handshake."""
    request_timeout: float = 15.0
    """For one request from its start to the last byte of its answer; never more than half the deadline."""
    concurrency: int = 8
    """Requests under way to one registry; others wait their turn."""
    attempts: int = 3
    """Tries of one request that met 429 or a passing fault."""
    longest_wait: float = 5.0
    """A `Retry-After` up to this is waited for; a longer one is the answer, and the registry is left alone so long."""
    breaker_failures: int = 5
    """Failures in a row (timeouts, refused connections, 5xx) after which a registry is left alone for a while."""
    breaker_pause: float = 15.0
    """How long it is left alone at first; doubled while it keeps failing, up to 16 times this."""

    manifest_limit: int = 4 * _MIB
    """The reference registry accepts no larger manifest."""
    config_limit: int = 4 * _MIB
    token_limit: int = 1 * _MIB
    redirects: int = 10
    nesting: int = 4
    """How deep an index inside an index is followed."""
    opened_children: int = 32
    """How many children of one index are read at most."""
    open_children: bool = False
    """Read every child of an index, not only those whose platform the index leaves open. Costs a GET or two each."""

    cache_size: int = 32 * _MIB
    """Bytes, for what is known of images and for which name stood for which digest: 17,000 images of two platforms."""
    tag_lifetime: float = 300.0
    """How long a tag is trusted to name the same digest."""
    fresh_lifetime: float = 10.0
    """The same for callers that ask for a fresh answer (imagePullPolicy Always)."""
    stale_lifetime: float = 24 * 3600.0
    """How long the last known digest of a tag stands in while the registry fails in a passing way."""
    share_by_digest: bool = False
    """Answer a reference by digest from what another pod's credentials read, without asking the registry."""

    use_proxies: bool = True
    """Go through the proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name when the process starts."""
    plain_http: frozenset[str] = frozenset()
    """Registries (`host:port`) spoken to without TLS. `localhost` and 127.0.0.0/8 with a port are so anyhow."""
    ca_files: tuple[Path, ...] = ()
    """Certificate authorities (PEM) trusted for every registry beside the system's."""
    hosts_directory: Path | None = None
    """containerd's `config_path`: a directory with `hosts.toml` files and certificates per registry."""
    registries_conf: Path | None = None
    """containers' `registries.conf`, for clusters on CRI-O; not together with `hosts_directory`."""
    docker_configs: tuple[Path, ...] = ()
    """Docker configuration files whose credentials, and whose credential helpers', are tried after those of the pod."""
    credential_providers: Path | None = None
    """The kubelet's CredentialProviderConfig: a file, or a directory of them. Tried after the docker configurations."""
    credential_provider_programs: Path | None = None
    """The directory with the programs it names."""

    allowed: tuple[str, ...] = ()
    """When not empty, only these registries are asked: `ghcr.io`, `*.example.com`, `localhost:*`."""
    denied: tuple[str, ...] = ()
    """Registries never asked; goes before `allowed`."""
    allow_loopback: bool = True
    """Ask registries and mirrors at loopback addresses, or with names that turn out to have one."""
    private_targets: tuple[str, ...] = ()
    """Hosts with loopback or private addresses to which registries may send us on (redirects, token services)."""

    @property
    def time_for_request(self) -> float:
        """Less than the deadline, so that a registry that hangs is seen to hang, and its breaker opens."""
        return min(self.request_timeout, self.deadline / 2)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
                raise InvalidRegistrySettings(f"{field.name} must be greater than 0, not {value}")
        if self.hosts_directory is not None and self.registries_conf is not None:
            raise InvalidRegistrySettings("hosts_directory and registries_conf exclude each other")
