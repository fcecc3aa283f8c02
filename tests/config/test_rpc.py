"""Settings about gRPC: what is refused, and told how."""

from __future__ import annotations

import pytest

from scheduler.config.settings import InvalidSettings, parse_settings

TLS = "tls: {certificate: tls.crt, key: tls.key}"


@pytest.mark.parametrize(
    ("rpc", "complaint"),
    [
        ("{enabled: true}", "file: rpc.tls: is needed to listen on 0.0.0.0, which is no loopback address"),
        ("{enabled: true, host: expander.example}", "file: rpc.tls: is needed to listen on expander.example"),
        ("{expander: {deadlineSeconds: 5}}", "file: rpc.expander.deadlineSeconds: Expected float < 5.0 (value: 5)"),
        ("{expander: {whenNoneFits: some}}", "file: rpc.expander.whenNoneFits: Invalid enum value 'some'"),
        ("{maxRequestMegabytes: 0}", "file: rpc.maxRequestMegabytes: Expected int >= 1 (value: 0)"),
        ("{adress: x}", "file: rpc.adress: unknown field"),
    ],
)
def test_what_cannot_work_is_refused_and_named(rpc: str, complaint: str):
    with pytest.raises(InvalidSettings) as raised:
        parse_settings(f"rpc: {rpc}", "file")
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    "rpc",
    [
        "{enabled: true, host: 127.0.0.1}",
        "{enabled: true, host: '::1'}",
        "{enabled: true, host: localhost}",
        f"{{enabled: true, {TLS}}}",
        "{host: 0.0.0.0}",
    ],
)
def test_callers_from_elsewhere_need_tls_and_those_of_the_same_machine_do_not(rpc: str):
    assert parse_settings(f"rpc: {rpc}", "file").rpc is not None
