"""Docker configuration JSON -> credentials by key, decoded as the kubelet decodes it.

Owns the two forms (`.dockerconfigjson` and the older `.dockercfg`) and the decoding of one entry; which key serves
which image is `credentials`. The rules are those of `pkg/credentialprovider/config.go` in Kubernetes: field names
without regard to case, ``auth`` before ``username`` and ``password``, one bad entry refuses the whole document.
``identitytoken``, ``credHelpers`` and ``credsStore`` mean nothing in a pull secret.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping

import msgspec

from scheduler.oci.credential import Credential


class InvalidDockerConfig(ValueError):
    """The document cannot be read. The message never quotes what it holds."""


def parse_docker_config_json(data: bytes) -> dict[str, Credential]:
    """``{"auths": {key: entry}}``, the content of `.dockerconfigjson` and of `~/.docker/config.json`."""
    auths = _fields(_decode(data), "the document").get("auths")
    return parse_auths({} if auths is None else auths)


def parse_dockercfg(data: bytes) -> dict[str, Credential]:
    """``{key: entry}``, the content of `.dockercfg`."""
    return parse_auths(_decode(data))


def parse_auths(auths: object, *, identity_tokens: bool = False) -> dict[str, Credential]:
    """The map of a configuration, in its order. Raises InvalidDockerConfig naming the key of a bad entry.

    ``identity_tokens``: take them where they are, as docker clients do and the kubelet does not.
    """
    if auths is None:
        return {}
    if not isinstance(auths, Mapping):
        raise InvalidDockerConfig("auths is not a map")
    return {str(key): parse_entry(str(key), entry, identity_tokens=identity_tokens) for key, entry in auths.items()}


def parse_entry(key: str, entry: object, *, identity_tokens: bool = False) -> Credential:
    """One value of the map. An entry with nothing in it is a credential with an empty user name."""
    fields = _fields({} if entry is None else entry, f"the entry for {key!r}")
    auth = _text(key, fields, "auth")
    identity_token = _text(key, fields, "identitytoken") if identity_tokens else ""
    if identity_token:
        return Credential(identity_token=identity_token)
    if auth:
        return _from_auth(key, auth)
    return Credential(_text(key, fields, "username"), _text(key, fields, "password"))


def _from_auth(key: str, auth: str) -> Credential:
    # Go's decoder skips line breaks and nothing else; with padding it is strict about its length, without it there
    # must be none.
    encoded = auth.replace("\r", "").replace("\n", "")
    padded = auth.strip().endswith("=")
    if not padded:
        if "=" in encoded:
            raise InvalidDockerConfig(f"the auth of the entry for {key!r} is not base64")
        encoded += "=" * (-len(encoded) % 4)
    try:
        pair = binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        raise InvalidDockerConfig(f"the auth of the entry for {key!r} is not base64") from None
    username, colon, password = pair.decode("utf-8", "surrogateescape").partition(":")
    if not colon:
        raise InvalidDockerConfig(f"the auth of the entry for {key!r} holds no colon between user name and password")
    return Credential(username, password)


def _decode(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidDockerConfig("the document is not JSON") from None


def _fields(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidDockerConfig(f"{where} is not a JSON object")
    return {str(name).lower(): field for name, field in value.items()}


def _text(key: str, fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidDockerConfig(f"the {name} of the entry for {key!r} is not a string")
    return value
