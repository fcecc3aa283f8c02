"""Registries with certificates of their own authority, and registries that ask for ours."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scheduler.images.content import FailureCause, ImageContent, ImageFailure
from scheduler.oci.settings import RegistrySettings
from scheduler.oci.tls import InvalidTlsFiles, Tls, TlsContexts
from scheduler.sandbox import registry_faults as faults
from scheduler.sandbox.registry import SandboxRegistry
from tests.oci.conftest import MakeResolver

LINUX = ("linux/amd64", "linux/arm64")
DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates; files in one folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key, authority=True)
        self.file = folder / f"{name}.crt"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """(certificate file, key file) for a host or a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, key_file = self.folder / f"{name}.cert", self.folder / f"{name}.key"
        certificate.write_bytes(self._sign(name, key).public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, key_file

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool = False) -> x509.Certificate:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = dt.datetime.now(dt.UTC)
        try:
            host: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            host = x509.DNSName(name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())


@dataclass
class Secured:
    """A registry with TLS."""

    registry: SandboxRegistry
    authority: Authority

    @property
    def port(self) -> str:
        return self.registry.address.rpartition(":")[2]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
async def secured(authority: Authority) -> AsyncIterator[Secured]:
    async for registry in serve(authority, "registry.test"):
        yield Secured(registry, authority)


async def serve(authority: Authority, name: str, *, ask_client: bool = False) -> AsyncIterator[SandboxRegistry]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue(name))
    if ask_client:
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_REQUIRED
    registry = SandboxRegistry()
    await registry.start(tls=context)
    registry.push_index("acme/app", "1", LINUX)
    yield registry
    await registry.stop()


async def test_an_authority_of_the_settings_is_trusted(
    secured: Secured, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["registry.test"] = "127.0.0.1"
    resolver = make_resolver(RegistrySettings(ca_files=(secured.authority.file,)))
    assert isinstance(await resolver.resolve(f"registry.test:{secured.port}/acme/app:1"), ImageContent)


async def test_an_unknown_authority_is_a_tls_failure_that_says_so(
    secured: Secured, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["registry.test"] = "127.0.0.1"
    answer = await make_resolver().resolve(f"registry.test:{secured.port}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.TLS
    assert "has a certificate that is not trusted for acme/app:1: unable to get local issuer" in answer.message


async def test_a_certificate_for_another_name_is_a_tls_failure(
    secured: Secured, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["other.test"] = "127.0.0.1"
    resolver = make_resolver(RegistrySettings(ca_files=(secured.authority.file,)))
    answer = await resolver.resolve(f"other.test:{secured.port}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.TLS
    assert "Hostname mismatch" in answer.message


@pytest.mark.parametrize("text", ['ca = "{ca}"', "skip_verify = true"], ids=["ca", "skip_verify"])
async def test_a_hosts_file_says_whom_to_trust(
    secured: Secured, make_resolver: MakeResolver, names: dict[str, str], tmp_path: Path, text: str
) -> None:
    names["registry.test"] = "127.0.0.1"
    name = f"registry.test:{secured.port}"
    directory = tmp_path / "certs.d" / name
    directory.mkdir(parents=True)
    (directory / "hosts.toml").write_text(text.format(ca=secured.authority.file))
    resolver = make_resolver(RegistrySettings(hosts_directory=tmp_path / "certs.d"))
    assert isinstance(await resolver.resolve(f"{name}/acme/app:1"), ImageContent)


async def test_certificates_beside_no_hosts_file_count_and_ours_is_shown(
    authority: Authority, make_resolver: MakeResolver, names: dict[str, str], tmp_path: Path
) -> None:
    names["registry.test"] = "127.0.0.1"
    async for registry in serve(authority, "registry.test", ask_client=True):
        name = f"registry.test:{registry.address.rpartition(':')[2]}"
        directory = tmp_path / "certs.d" / name
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(authority.file.read_bytes())
        settings = RegistrySettings(hosts_directory=tmp_path / "certs.d")
        refused = await make_resolver(settings).resolve(f"{name}/acme/app:1")
        assert isinstance(refused, ImageFailure)
        certificate, key = authority.issue("client")
        (directory / "client.cert").write_bytes(certificate.read_bytes())
        (directory / "client.key").write_bytes(key.read_bytes())
        assert isinstance(await make_resolver(settings).resolve(f"{name}/acme/app:1"), ImageContent)


async def test_an_insecure_registry_of_registries_conf_takes_any_certificate_or_none(
    secured: Secured,
    registry: SandboxRegistry,
    make_resolver: MakeResolver,
    names: dict[str, str],
    tmp_path: Path,
) -> None:
    names["registry.test"] = names["plain.test"] = "127.0.0.1"
    registry.push_index("acme/app", "1", LINUX)
    plain = f"plain.test:{registry.address.rpartition(':')[2]}"
    (tmp_path / "registries.conf").write_text(
        f'[[registry]]\nlocation = "registry.test:{secured.port}"\ninsecure = true\n'
        f'[[registry]]\nlocation = "{plain}"\ninsecure = true\n'
    )
    resolver = make_resolver(RegistrySettings(registries_conf=tmp_path / "registries.conf"))
    assert isinstance(await resolver.resolve(f"registry.test:{secured.port}/acme/app:1"), ImageContent)
    assert isinstance(await resolver.resolve(f"{plain}/acme/app:1"), ImageContent)


async def test_no_redirect_leads_from_tls_to_plain_http(
    secured: Secured, registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["registry.test"] = "127.0.0.1"
    secured.registry.push_image("acme/single", "1", "linux/amd64")
    secured.registry.inject(faults.redirect(f"http://{registry.address}/"), kind="blob")
    resolver = make_resolver(RegistrySettings(ca_files=(secured.authority.file,)))
    answer = await resolver.resolve(f"registry.test:{secured.port}/acme/single:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED
    assert not registry.requests


async def test_no_password_goes_to_a_token_service_without_tls(
    secured: Secured, registry: SandboxRegistry, make_resolver: MakeResolver, names: dict[str, str]
) -> None:
    names["registry.test"] = "127.0.0.1"
    challenge = f'Bearer realm="http://{registry.address}/token",service="x"'

    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    secured.registry.inject(refuse)
    resolver = make_resolver(RegistrySettings(ca_files=(secured.authority.file,)))
    answer = await resolver.resolve(f"registry.test:{secured.port}/acme/app:1")
    assert isinstance(answer, ImageFailure)
    assert answer.cause is FailureCause.BLOCKED
    assert not registry.requests


def test_our_own_certificate_is_not_for_where_a_registry_sends_us(tmp_path: Path) -> None:
    tls = Tls((tmp_path,), ((tmp_path, tmp_path),), verify=False)
    assert tls.elsewhere() == Tls((tmp_path,), (), verify=False)


def test_a_key_that_does_not_fit_is_named(authority: Authority) -> None:
    certificate, _ = authority.issue("a")
    _, key = authority.issue("b")
    with pytest.raises(InvalidTlsFiles, match=r"a\.cert and .*b\.key are no certificate with its key"):
        TlsContexts().context(Tls(client=((certificate, key),)))
