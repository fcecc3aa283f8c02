"""Mirrors as containerd and CRI-O are told of them, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from scheduler.images.content import FailureCause, ImageContent, ImageFailure
from scheduler.images.reference import parse_reference
from scheduler.oci.hosts_toml import InvalidHostsFile, hosts_of, read_hosts_directory
from scheduler.oci.mirrors import ContainerdEndpoints, ContainersEndpoints
from scheduler.oci.registries_conf import InvalidRegistriesConf, match_prefix, read_registries_conf
from scheduler.oci.settings import InvalidRegistrySettings, RegistrySettings
from scheduler.oci.tls import InvalidTlsFiles
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from tests.oci.conftest import MakeResolver

DIGEST = "sha256:" + "a" * 64
LINUX = ("linux/amd64", "linux/arm64")


@pytest.fixture
async def mirror() -> AsyncIterator[SandboxRegistry]:
    registry = SandboxRegistry()
    await registry.start()
    yield registry
    await registry.stop()


def hosts(folder: Path, registry: str, text: str) -> RegistrySettings:
    directory = folder / "certs.d" / registry
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "hosts.toml").write_text(text)
    return RegistrySettings(hosts_directory=folder / "certs.d")


def conf(folder: Path, text: str) -> RegistrySettings:
    (folder / "registries.conf").write_text(text)
    return RegistrySettings(registries_conf=folder / "registries.conf")


def containerd(settings: RegistrySettings, image: str) -> list[str]:
    assert settings.hosts_directory is not None
    found = ContainerdEndpoints(settings, settings.hosts_directory)(parse_reference(image))
    return [str(endpoint.manifest("1")) for endpoint in found]


def containers(settings: RegistrySettings, image: str) -> list[str]:
    assert settings.registries_conf is not None
    found = ContainersEndpoints(settings, settings.registries_conf)(parse_reference(image))
    return [str(endpoint.manifest("1")) for endpoint in found]


def test_the_upstream_stays_the_last_host_when_server_is_left_out(tmp_path: Path) -> None:
    settings = hosts(tmp_path, "docker.io", '[host."https://mirror.example"]')
    assert containerd(settings, "nginx") == [
        "https://mirror.example/v2/library/nginx/manifests/1?ns=docker.io",
        "https://registry-1.docker.io/v2/library/nginx/manifests/1",
    ]
    assert containerd(settings, "ghcr.io/a") == ["https://ghcr.io/v2/a/manifests/1"]


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("mirror.example", "https://mirror.example/v2"),
        ("http://mirror.example:5000", "http://mirror.example:5000/v2"),
        ("https://mirror.example/v2", "https://mirror.example/v2"),
        ("https://mirror.example/v2/", "https://mirror.example/v2"),
        ("https://mirror.example/proxy", "https://mirror.example/proxy/v2"),
    ],
)
def test_a_hosts_path_ends_in_v2(tmp_path: Path, address: str, base: str) -> None:
    settings = hosts(tmp_path, "ghcr.io", f'[host."{address}"]')
    assert containerd(settings, "ghcr.io/a")[0] == f"{base}/a/manifests/1?ns=ghcr.io"


def test_a_path_may_be_overridden(tmp_path: Path) -> None:
    settings = hosts(tmp_path, "ghcr.io", '[host."https://m.example/v2/proxy"]\noverride_path = true')
    assert containerd(settings, "ghcr.io/a")[0] == "https://m.example/v2/proxy/a/manifests/1?ns=ghcr.io"


def test_a_tag_needs_a_host_that_resolves(tmp_path: Path) -> None:
    settings = hosts(
        tmp_path,
        "ghcr.io",
        'server = "https://s.example"\n[host."https://pull.example"]\ncapabilities = ["pull"]\n'
        '[host."https://push.example"]\ncapabilities = ["push"]\n',
    )
    assert containerd(settings, "ghcr.io/a:1") == ["https://s.example/v2/a/manifests/1?ns=ghcr.io"]
    assert containerd(settings, f"ghcr.io/a@{DIGEST}")[0].startswith("https://pull.example/")


def test_a_directory_is_found_by_its_names(tmp_path: Path) -> None:
    for name in ("r.example_5000_", "r.example:5000", "r.example:6000", "r.example", "_default"):
        hosts(tmp_path, name, f'server = "https://found-{"".join(filter(str.isalnum, name))}"')
    directories = read_hosts_directory(tmp_path / "certs.d")
    found = {name: hosts_of(name, directories) for name in ("r.example:5000", "r.example:6000", "r.example", "x")}
    assert {name: str(chosen[0].base) for name, chosen in found.items() if chosen} == {
        "r.example:5000": "https://found-rexample5000/v2",
        "r.example:6000": "https://found-rexample6000/v2",
        "r.example": "https://found-rexample/v2",
        "x": "https://found-default/v2",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server = ", "hosts.toml"),
        ("server = 7", "server is not a string"),
        ('server = "ftp://x"', "'ftp://x' is no address"),
        ('host = "x"', "host is not a table"),
        ('[host."http://"]', "'http://' is no address"),
        ('[host."https://m"]\ncapabilities = ["fly"]', "'fly', which is none of"),
        ('[host."https://m"]\nskip_verify = "yes"', "skip_verify is neither"),
        ('[host."https://m"]\nheader = 7', "header is not a table"),
        ('[host."https://m".header]\nX = "a\\nb"', "header.'X' holds what no header can hold"),
        ('[host."https://m"]\nclient = [["a","b","c"]]', "client is not a file"),
        ('[host."https://m"]\nca = 7', "ca is not a string"),
    ],
)
def test_a_hosts_file_that_cannot_be_understood_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidHostsFile, match=r"ghcr\.io/hosts\.toml") as raised:
        ContainerdEndpoints(RegistrySettings(), hosts(tmp_path, "ghcr.io", text).hosts_directory or tmp_path)
    assert problem in str(raised.value)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = hosts(tmp_path, "ghcr.io", 'ca = "missing.crt"')
    with pytest.raises(InvalidTlsFiles, match=r"missing\.crt: no certificates can be read from it"):
        containerd(settings, "ghcr.io/a")


def test_a_directory_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidHostsFile, match="nowhere is no directory"):
        read_hosts_directory(tmp_path / "nowhere")


async def test_a_mirror_is_asked_first_and_told_what_it_stands_for(
    tmp_path: Path, mirror: SandboxRegistry, registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    mirror.push_index("acme/app", "1", LINUX)
    seen: list[tuple[str | None, str | None]] = []

    async def look(request: web.Request) -> web.StreamResponse | None:
        seen.append((request.query.get("ns"), request.headers.get("X-Team")))
        return None

    mirror.inject(look)
    text = f'[host."http://{mirror.address}"]\n[host."http://{mirror.address}".header]\nX-Team = "ci"'
    resolver = make_resolver(hosts(tmp_path, registry.address, text))
    assert isinstance(await resolver.resolve(f"{registry.address}/acme/app:1"), ImageContent)
    assert not registry.requests
    assert set(seen) == {(registry.address, "ci")}


@pytest.mark.parametrize("fault", [faults.status(404), faults.status(503), faults.reset()], ids=["404", "503", "gone"])
async def test_what_a_mirror_lacks_is_asked_of_the_registry(
    tmp_path: Path,
    mirror: SandboxRegistry,
    registry: SandboxRegistry,
    make_resolver: MakeResolver,
    fault: faults.Fault,
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    mirror.inject(fault)
    resolver = make_resolver(hosts(tmp_path, registry.address, f'[host."http://{mirror.address}"]'))
    assert isinstance(await resolver.resolve(f"{registry.address}/acme/app:1"), ImageContent)


async def test_where_the_registry_is_cut_off_the_mirrors_answer_is_told(
    tmp_path: Path, mirror: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    resolver = make_resolver(hosts(tmp_path, "localhost:1", f'[host."http://{mirror.address}"]'))
    answer = await resolver.resolve("localhost:1/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.NOT_FOUND
    assert f"registry localhost:1 (mirror {mirror.address}) answered 404" in answer.message


def test_a_mirror_of_registries_conf_replaces_the_prefix(tmp_path: Path) -> None:
    settings = conf(
        tmp_path,
        """
        [[registry]]
        prefix = "docker.io/library"
        location = "registry-1.docker.io/library"
        [[registry.mirror]]
        location = "mirror.example/hub"
        [[registry.mirror]]
        location = "digests.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "tags.example"
        pull-from-mirror = "tag-only"
        [[registry]]
        prefix = "*.internal.example"
        insecure = true
        """,
    )
    assert containers(settings, "nginx:1") == [
        "https://mirror.example/v2/hub/nginx/manifests/1",
        "https://tags.example/v2/nginx/manifests/1",
        "https://registry-1.docker.io/v2/library/nginx/manifests/1",
    ]
    assert containers(settings, f"nginx@{DIGEST}")[1] == "https://digests.example/v2/nginx/manifests/1"
    assert containers(settings, "bitnami/redis") == ["https://registry-1.docker.io/v2/bitnami/redis/manifests/1"]
    assert containers(settings, "a.internal.example:5000/x") == [
        "https://a.internal.example:5000/v2/x/manifests/1",
        "http://a.internal.example:5000/v2/x/manifests/1",
    ]


@pytest.mark.parametrize(
    ("name", "prefix", "length"),
    [
        ("example.com/a:1", "example.com", 11),
        ("example.com/a:1", "example.com/a", 13),
        ("example.com/a:1", "example.com/a:1", 15),
        ("example.com/ab:1", "example.com/a", None),
        ("example.comx/a:1", "example.com", None),
        ("example.com:5000/a:1", "example.com", 11),
        ("a.b.example.com/x:1", "*.example.com", 15),
        ("example.com/x:1", "*.example.com", None),
        ("evil.org/a.example.com/x:1", "*.example.com", None),
        (f"example.com/a@{DIGEST}", "example.com/a", 13),
    ],
)
def test_a_prefix_ends_where_a_part_ends(name: str, prefix: str, length: int | None) -> None:
    assert match_prefix(name, prefix) == length


async def test_the_longest_prefix_applies_alone_and_may_block(tmp_path: Path, make_resolver: MakeResolver) -> None:
    settings = conf(
        tmp_path,
        """
        [[registry]]
        location = "registry.test/acme/secret"
        blocked = true
        [[registry]]
        location = "registry.test"
        [[registry.mirror]]
        location = "mirror.example"
        """,
    )
    assert len(containers(settings, "registry.test/acme/open")) == 2
    answer = await make_resolver(settings).resolve("registry.test/acme/secret/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED


def test_drop_ins_replace_tables_of_the_same_prefix(tmp_path: Path) -> None:
    settings = conf(tmp_path, 'unqualified-search-registries = ["a"]\n[[registry]]\nlocation = "r.example"\n')
    drop_ins = tmp_path / "registries.conf.d"
    drop_ins.mkdir()
    (drop_ins / "2.conf").write_text('[[registry]]\nlocation = "r.example"\n[[registry.mirror]]\nlocation = "two"\n')
    (drop_ins / "1.conf").write_text('short-name-mode = "permissive"\n[aliases]\nnginx = "quay.io/nginx"\n')
    found = read_registries_conf(settings.registries_conf or tmp_path)
    assert [mirror.location for registry in found.registries for mirror in registry.mirror] == ["two"]
    assert (found.search, found.enforcing, dict(found.aliases)) == (("a",), False, {"nginx": "quay.io/nginx"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = ", "registries.conf"),
        ("[[registry]]\ninsecure = true", "neither prefix nor location"),
        ('[[registry]]\nprefix = "a.*.com"', "a [*] may only stand"),
        ('[[registry]]\nlocation = "a"\nblocked = "yes"', "blocked"),
        ('[[registry]]\nlocation = "a"\n[[registry.mirror]]\ninsecure = true', "location"),
        ('short-name-mode = "strict"', "short-name-mode"),
        (
            """
            [[registry]]
            location = "a"
            mirror-by-digest-only = true
            [[registry.mirror]]
            location = "m"
            pull-from-mirror = "tag-only"
            """,
            "exclude each other",
        ),
    ],
)
def test_a_registries_conf_that_cannot_be_understood_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidRegistriesConf, match=problem):
        read_registries_conf(conf(tmp_path, text).registries_conf or tmp_path)


@pytest.mark.parametrize(
    ("text", "image", "names"),
    [
        ("", "nginx:1", ("nginx:1",)),
        ('unqualified-search-registries = ["q.example"]', "nginx:1", ("q.example/nginx:1",)),
        ('unqualified-search-registries = ["q.example"]', "quay.io/nginx", ("quay.io/nginx",)),
        ('unqualified-search-registries = ["q.example"]', "localhost/nginx", ("localhost/nginx",)),
        ('unqualified-search-registries = ["a", "b"]', "team/nginx", ()),
        (
            'unqualified-search-registries = ["a.example", "b.example"]\nshort-name-mode = "permissive"',
            "team/nginx",
            ("a.example/team/nginx", "b.example/team/nginx"),
        ),
        ('[aliases]\n"team/nginx" = "q.example/n"', f"team/nginx@{DIGEST}", (f"q.example/n@{DIGEST}",)),
        ('[aliases]\n"nginx" = "q.example/n"', "nginx:1.2", ("q.example/n:1.2",)),
    ],
)
def test_a_short_name_is_expanded_as_cri_o_expands_it(
    tmp_path: Path, text: str, image: str, names: tuple[str, ...]
) -> None:
    assert read_registries_conf(conf(tmp_path, text).registries_conf or tmp_path).expand(image) == names


async def test_a_short_name_is_searched_in_order(
    tmp_path: Path, mirror: SandboxRegistry, registry: SandboxRegistry, make_resolver: MakeResolver
) -> None:
    registry.push_index("acme/app", "1", LINUX)
    search = f'unqualified-search-registries = ["{mirror.address}", "{registry.address}"]\n'
    permissive = make_resolver(conf(tmp_path, search + 'short-name-mode = "permissive"'))
    answer = await permissive.resolve("acme/app:1")
    assert isinstance(answer, ImageContent)
    assert permissive.known("acme/app:1") is answer
    enforcing = await make_resolver(conf(tmp_path, search)).resolve("acme/app:1")
    assert isinstance(enforcing, ImageFailure)
    assert enforcing.message == "image name 'acme/app:1' has no registry, and registries.conf names several to search"


def test_both_kinds_of_mirror_files_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(InvalidRegistrySettings, match="exclude each other"):
        RegistrySettings(hosts_directory=tmp_path, registries_conf=tmp_path / "registries.conf")
