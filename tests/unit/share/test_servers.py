"""A server in a URL is the one in a mount, however either is spelled; what is no server says what is wrong with it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.failures import ParameterError
from condor_kvm_stage.share import servers

FORM = "nfs:///absolute/path"


@pytest.mark.parametrize(
    ("authority", "server"),
    [
        ("filer", "filer"),
        ("Filer.Example.ORG", "filer.example.org"),
        ("filer.example.org.", "filer.example.org"),  # fully qualified, as in the DNS
        ("filer:", "filer"),  # as mount(8) writes it
        ("filer:2049", "filer"),
        ("filer:02049", "filer"),
        ("filer.:2049", "filer"),
        ("filer:20049", "filer:20049"),
        ("filer:1", "filer:1"),
        ("filer:65535", "filer:65535"),
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7:2050", "10.0.0.7:2050"),
        ("[2001:DB8:0:0::7]", "[2001:db8::7]"),
        ("[2001:db8::7]:", "[2001:db8::7]"),
        ("[2001:db8::7]:2049", "[2001:db8::7]"),
        ("[2001:db8::7]:2050", "[2001:db8::7]:2050"),
        ("[::ffff:10.0.0.7]", "[::ffff:10.0.0.7]"),
        (".", "."),
        ("filer..", "filer"),
    ],
)
def test_server_has_one_spelling(authority: str, server: str) -> None:
    assert servers.parse(authority, "URL", FORM) == server


@pytest.mark.parametrize(
    ("authority", "reason"),
    [
        ("user@filer", "'user@' is not possible, NFS URLs have no user; leave it out"),
        ("user:secret@filer:2049", "'user:secret@' is not possible"),
        (":2049", "a port, but no server"),
        (":", "a port, but no server"),
        ("filer:export", "'export', after the server's colon, is not a port; leave it out, or write a path after a "),
        ("filer:0", "'0', after the server's colon, is not a port"),
        ("filer:65536", "is not a port"),
        ("filer:999999", "is not a port"),
        ("filer:-1", "is not a port"),
        ("filer:²", "is not a port"),
        ("2001:db8::7", "more than one colon; write an IPv6 address in brackets"),
        ("filer:2049:", "more than one colon"),
        ("[2001:db8::7", "'[2001:db8::7' is not an IPv6 address; write it as [2001:db8::1]"),
        ("[filer]", "'[filer]' is not an IPv6 address"),
        ("[2001:db8::7]2049", "is not an IPv6 address"),
        ("fi%6Cer", "'fi%6Cer' is not a host name; write nfs:///absolute/path, or nfs://server/export/…"),
        ("fi ler", "'fi ler' is not a host name"),
        ("fi\nler", r"'fi\nler' is not a host name"),
        ("${server}", "is not a host name"),
    ],
)
def test_what_is_no_server_is_refused_with_the_reason(authority: str, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        servers.parse(authority, "URL", FORM)
    assert str(caught.value).startswith("URL: ")
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text() | st.text("fil:[]@.2049"))
def test_whatever_the_authority_a_server_can_be_split_again(authority: str) -> None:
    try:
        server = servers.parse(authority, "URL", FORM)
    except ParameterError as error:
        assert str(error).isprintable()
    else:
        host, port = servers.split(server)
        assert host == servers.canonical(host)
        assert server == (f"{host}:{port}" if port else host)
        assert port != servers.PORT
        assert server.isascii()
        assert "/" not in server


@given(st.ip_addresses(v=6), st.integers(1, 65535))
def test_addresses_are_the_same_in_any_notation(address: ipaddress.IPv6Address, port: int) -> None:
    long, short = (servers.parse(f"[{text}]:{port}", "URL", FORM) for text in (address.exploded, address.compressed))
    assert long == short
    assert servers.split(long)[1] == (0 if port == servers.PORT else port)
