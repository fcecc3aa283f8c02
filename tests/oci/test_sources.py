"""The credentials of this process: docker configuration files, their helpers, and the kubelet's provider plugins."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.images.content import ImageContent
from scheduler.images.reference import parse_reference
from scheduler.oci.credential_providers import CredentialProvider, InvalidProviderConfig, duration, read_providers
from scheduler.oci.docker_credentials import DockerConfigFile
from scheduler.oci.programs import ProgramFailed, run
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.sources import sources_from
from scheduler.sandbox.registry import SandboxRegistry
from scheduler.sandbox.registry_access import Access
from tests.oci.conftest import MakeResolver, Time

V1 = "credentialprovider.kubelet.k8s.io/v1"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    return directory


@pytest.fixture
def problems() -> list[str]:
    return []


def program(directory: Path, name: str, body: str) -> Path:
    """A small Python program that may use ``sys``, ``json`` and ``os``, and appends a line to `<name>.log` per run."""
    path = directory / name
    log = "open(__file__ + '.log', 'a').write('run\\n')"
    path.write_text(f"#!{sys.executable} -IS\nimport json, os, sys\n{log}\n{body}\n")
    path.chmod(0o755)
    return path


def runs(path: Path) -> int:
    log = path.with_name(path.name + ".log")
    return len(log.read_text().splitlines()) if log.exists() else 0


class Configured:
    """A docker configuration file and its source."""

    def __init__(self, path: Path, time: Time, problems: list[str]) -> None:
        self.path = path
        self.source = DockerConfigFile(path, now=time, on_problem=problems.append)

    def write(self, **content: Any) -> None:
        self.path.write_text(json.dumps(content))

    async def found(self, image: str) -> list[tuple[str, str, str]]:
        credentials = await self.source.credentials(parse_reference(image))
        return [(each.username, each.password, each.identity_token) for each in credentials]


@pytest.fixture
async def docker(tmp_path: Path, time: Time, problems: list[str]) -> AsyncIterator[Configured]:
    configured = Configured(tmp_path / "config.json", time, problems)
    yield configured
    await configured.source.close()


async def test_a_docker_file_gives_what_its_entries_hold(docker: Configured) -> None:
    auth = base64.b64encode(b"alice:sesame").decode()
    docker.write(
        auths={
            "https://index.docker.io/v1/": {"auth": auth},
            "ghcr.io": {"identitytoken": "refresh"},
            "ghcr.io/acme": {"username": "bob", "password": "word"},
        }
    )
    assert await docker.found("nginx") == [("alice", "sesame", "")]
    assert await docker.found("ghcr.io/acme/app") == [("bob", "word", ""), ("", "", "refresh")]
    assert await docker.found("quay.io/app") == []


async def test_a_docker_file_is_read_again_when_it_changes(docker: Configured, problems: list[str]) -> None:
    assert await docker.found("ghcr.io/a") == []
    docker.write(auths={"ghcr.io": {"username": "alice", "password": "1"}})
    assert await docker.found("ghcr.io/a") == [("alice", "1", "")]
    docker.write(auths={"ghcr.io": {"username": "alice", "password": "22"}})
    assert await docker.found("ghcr.io/a") == [("alice", "22", "")]
    docker.path.unlink()
    assert await docker.found("ghcr.io/a") == []
    assert problems == []


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"auths":7}', '{"auths":{"a":{"auth":"secret!"}}}', '{"credsStore":"../../bin/sh"}', "\udcff"]
)
async def test_a_docker_file_that_cannot_be_read_has_nothing_and_says_so_once(
    docker: Configured, problems: list[str], text: str
) -> None:
    docker.path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert await docker.found("ghcr.io/a") == []
    assert await docker.found("ghcr.io/b") == []
    (problem,) = problems
    assert problem.startswith(f"{docker.path} cannot be read: ")
    assert "secret" not in problem


HELPER = """
server = sys.stdin.read()
known = {
    "ghcr.io": ("alice", "sesame"),
    "https://index.docker.io/v1/": ("hub", "word"),
    "id.test": ("<token>", "refresh"),
}
if server not in known:
    print("credentials not found in native keychain")
    sys.exit(1)
print(json.dumps({"ServerURL": server, "Username": known[server][0], "Secret": known[server][1]}))
"""


async def test_a_helper_goes_before_the_store_and_the_store_before_the_file(
    docker: Configured, programs: Path, problems: list[str]
) -> None:
    helper = program(programs, "docker-credential-one", HELPER)
    store = program(programs, "docker-credential-two", HELPER)
    docker.write(
        credHelpers={"ghcr.io": "one", "docker.io": "one"},
        credsStore="two",
        auths={"quay.io": {"username": "bob", "password": "word"}},
    )
    assert await docker.found("ghcr.io/a/b") == [("alice", "sesame", "")]
    assert await docker.found("nginx") == [("hub", "word", "")]
    assert (runs(helper), runs(store)) == (2, 0)
    assert await docker.found("id.test/a") == [("", "", "refresh")]
    assert await docker.found("quay.io/a") == [("bob", "word", "")]
    assert (runs(helper), runs(store)) == (2, 2)
    assert problems == []


async def test_a_helpers_answer_is_kept_and_asked_for_once_at_a_time(
    docker: Configured, programs: Path, time: Time
) -> None:
    helper = program(programs, "docker-credential-one", HELPER)
    docker.write(credHelpers={"ghcr.io": "one"})
    await asyncio.gather(*[docker.found(f"ghcr.io/app{number}") for number in range(10)])
    assert runs(helper) == 1
    time.seconds += 301
    await docker.found("ghcr.io/app")
    assert runs(helper) == 2


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("sys.exit('secret on stderr')", "docker-credential-one ended with 1, asked for credentials for ghcr.io"),
        ("print('secret, no JSON')", "docker-credential-one gave no credential that can be read for ghcr.io"),
        ("print('s' * 2_000_000)", "docker-credential-one answered with more than 1048576 bytes, asked for"),
        (None, "docker-credential-one cannot be run: no such file or directory, asked for credentials for ghcr.io"),
    ],
    ids=["fails", "no JSON", "too long", "missing"],
)
async def test_a_helper_that_fails_has_nothing_and_says_so(
    docker: Configured, programs: Path, problems: list[str], body: str | None, problem: str
) -> None:
    if body is not None:
        program(programs, "docker-credential-one", body)
    docker.write(credHelpers={"ghcr.io": "one"})
    assert await docker.found("ghcr.io/a") == []
    assert len(problems) == 1
    assert problems[0].startswith(problem)
    assert "secret" not in problems[0]


async def test_a_program_that_hangs_is_ended(programs: Path) -> None:
    body = "open(__file__ + '.pid', 'w').write(str(os.getpid()))\nimport time\ntime.sleep(60)"
    hanging = program(programs, "hangs", body)
    with pytest.raises(ProgramFailed, match=r"hangs gave no answer within 0\.5 s"):
        await run(hanging, [], b"", 0.5, {})
    with pytest.raises(ProcessLookupError):
        os.kill(int((programs / "hangs.pid").read_text()), 0)


PROVIDER = """
request = json.load(sys.stdin)
assert request["kind"] == "CredentialProviderRequest", request
print(json.dumps({
    "apiVersion": request["apiVersion"], "kind": "CredentialProviderResponse", "cacheKeyType": os.environ["KEY"],
    "cacheDuration": os.environ.get("DURATION") or None,
    "auth": {"*.test": {"username": sys.argv[1], "password": request["image"]}},
}))
"""


def provider_config(**changes: Any) -> dict[str, Any]:
    return {
        "name": "plugin",
        "matchImages": ["*.test", "other.example/team"],
        "defaultCacheDuration": "1h",
        "apiVersion": V1,
        "args": ["AWS"],
        "env": [{"name": "KEY", "value": "Registry"}],
        **changes,
    }


def providers_file(path: Path, *providers: dict[str, Any]) -> Path:
    kind = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig"}
    path.write_text(json.dumps({**kind, "providers": providers}))
    return path


class Plugin:
    """One provider and its program."""

    def __init__(self, folder: Path, programs: Path, time: Time, problems: list[str], **changes: Any) -> None:
        (provider,) = read_providers(providers_file(folder / "providers.yaml", provider_config(**changes)))
        self.source = CredentialProvider(provider, programs, now=time, on_problem=problems.append)

    async def found(self, image: str) -> list[tuple[str, str]]:
        return [(each.username, each.password) for each in await self.source.credentials(parse_reference(image))]


@pytest.mark.parametrize(
    ("key", "started"), [("Image", [1, 2, 3, 3]), ("Registry", [1, 1, 2, 2]), ("Global", [1, 1, 1, 1])]
)
async def test_a_plugins_answer_is_kept_by_the_key_it_names(
    tmp_path: Path, programs: Path, time: Time, problems: list[str], key: str, started: list[int]
) -> None:
    path = program(programs, "plugin", PROVIDER)
    plugin = Plugin(tmp_path, programs, time, problems, env=[{"name": "KEY", "value": key}])
    seen = []
    for image in ("a.test/one:1", "a.test/two", "b.test/one", "a.test/one:2"):
        ((user, _),) = await plugin.found(image)
        assert user == "AWS"
        seen.append(runs(path))
    assert seen == started
    assert problems == []


async def test_a_plugin_runs_for_the_images_it_names_only(
    tmp_path: Path, programs: Path, time: Time, problems: list[str]
) -> None:
    path = program(programs, "plugin", PROVIDER)
    plugin = Plugin(tmp_path, programs, time, problems)
    assert await plugin.found("a.b.test/one") == []
    assert await plugin.found("nginx") == []
    assert runs(path) == 0
    assert await plugin.found("other.example/teamwork/x") == []  # the pattern is a prefix; its auth keys fit not
    assert runs(path) == 1
    assert await plugin.found("a.test/one:1") == [("AWS", "a.test/one")]


@pytest.mark.parametrize(
    ("announced", "seconds", "again"), [("", 3599, 1), ("", 3601, 2), ("30s", 31, 2), ("0s", 0, 2)]
)
async def test_a_plugins_answer_is_kept_for_its_duration(
    tmp_path: Path, programs: Path, time: Time, problems: list[str], announced: str, seconds: float, again: int
) -> None:
    path = program(programs, "plugin", PROVIDER)
    env = [{"name": "KEY", "value": "Global"}, {"name": "DURATION", "value": announced}]
    plugin = Plugin(tmp_path, programs, time, problems, env=env)
    await plugin.found("a.test/one")
    time.seconds += seconds
    await plugin.found("a.test/one")
    assert runs(path) == again


async def test_many_images_of_a_registry_start_few_plugins(
    tmp_path: Path, programs: Path, time: Time, problems: list[str]
) -> None:
    path = program(programs, "plugin", PROVIDER)
    plugin = Plugin(tmp_path, programs, time, problems)
    found = await asyncio.gather(*[plugin.found(f"a.test/app{number}") for number in range(40)])
    assert all(len(each) == 1 for each in found)
    assert runs(path) <= 4


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("sys.exit(3)", "ended with 3"),
        ("print('{}')", "gave no CredentialProviderResponse"),
        (PROVIDER.replace('request["apiVersion"]', '"other/v1"'), "answered in another apiVersion"),
        (PROVIDER.replace('"password": request["image"]', '"auth": "secret!"'), "is not base64"),
        (None, "cannot be run"),
    ],
    ids=["fails", "empty", "version", "auth", "missing"],
)
async def test_a_plugin_that_fails_has_nothing_and_says_so(
    tmp_path: Path, programs: Path, time: Time, problems: list[str], body: str | None, problem: str
) -> None:
    if body is not None:
        program(programs, "plugin", body)
    plugin = Plugin(tmp_path, programs, time, problems)
    assert await plugin.found("a.test/one") == []
    assert len(problems) == 1
    assert problems[0].startswith("credential provider plugin has nothing for a.test/one: ")
    assert problem in problems[0]
    assert "secret" not in problems[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "../sh"}, "the name is no file name"),
        ({"apiVersion": "v7"}, "apiVersion 'v7' is not supported"),
        ({"matchImages": []}, "matchImages is empty"),
        ({"matchImages": ["[a"]}, r"'\[a' in matchImages is no pattern"),
        ({"defaultCacheDuration": "soon"}, "'soon' is no duration"),
        ({"tokenAttributes": {"requireServiceAccount": True}}, "tokenAttributes are not supported"),
        ({"args": "x"}, "args"),
    ],
)
def test_a_provider_that_cannot_work_is_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidProviderConfig, match=problem):
        read_providers(providers_file(tmp_path / "providers.yaml", provider_config(**change)))


def test_providers_of_a_directory_come_in_the_order_of_its_files(tmp_path: Path) -> None:
    providers_file(tmp_path / "2.yaml", provider_config(name="second"))
    providers_file(tmp_path / "1.json", provider_config(name="first"))
    (tmp_path / "notes.txt").write_text("not read")
    assert [provider.name for provider in read_providers(tmp_path)] == ["first", "second"]
    providers_file(tmp_path / "3.yaml", provider_config(name="first"))
    with pytest.raises(InvalidProviderConfig, match="'first' is given more than once"):
        read_providers(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"), [("12h", 43200), ("1m30s", 90), ("0s", 0), ("0", 0), ("1.5h", 5400), ("250ms", 0.25)]
)
def test_a_duration_is_written_as_in_go(text: str, seconds: float) -> None:
    assert duration(text) == seconds


def test_the_sources_are_in_the_kubelets_order(tmp_path: Path, time: Time) -> None:
    settings = RegistrySettings(
        docker_configs=(tmp_path / "config.json",),
        credential_providers=providers_file(tmp_path / "providers.yaml", provider_config()),
        credential_provider_programs=tmp_path,
    )
    sources = sources_from(settings, now=time, on_problem=print)
    assert [type(source) for source in sources] == [DockerConfigFile, CredentialProvider]


def test_providers_without_programs_are_refused(tmp_path: Path, time: Time) -> None:
    settings = RegistrySettings(credential_providers=providers_file(tmp_path / "providers.yaml"))
    with pytest.raises(InvalidProviderConfig, match="credential_provider_programs: nothing is no directory"):
        sources_from(settings, now=time, on_problem=print)


async def test_an_image_is_read_with_the_credentials_of_this_process(
    tmp_path: Path, make_resolver: MakeResolver
) -> None:
    registry = SandboxRegistry(Access(users={"alice": "sesame"}, private=frozenset({"acme/app"})))
    await registry.start()
    try:
        registry.push_index("acme/app", "1", ["linux/arm64"])
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"auths": {registry.address: {"username": "alice", "password": "sesame"}}}))
        resolver = make_resolver(RegistrySettings(docker_configs=(config,)))
        assert isinstance(await resolver.resolve(f"{registry.address}/acme/app:1"), ImageContent)
    finally:
        await registry.stop()
