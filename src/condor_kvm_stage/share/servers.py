"""The server in a URL and in a mount, in one spelling: they are compared as text, no name is looked up.

A URL may have a port (RFC 2224), or a colon without one (RFC 3986, section 3.2.3), as people write who know mount(8).
"""

from ..failures import ParameterError
from ..text import printable

PORT = 2049  # of NFS

_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
_ADDRESS = frozenset("0123456789abcdefABCDEF:.")


def parse(authority: str, shown: str, form: str) -> str:
    """Return what stands between `//` and the path of a URL as `server`, or `server:port` if it has an unusual port.

    shown: the URL in messages. form: what such a URL looks like. Raises ParameterError.
    """
    user, at, rest = authority.rpartition("@")
    if at:
        raise ParameterError(f"{shown}: '{printable(user)}@' is not possible, NFS URLs have no user; leave it out")
    if rest.startswith("["):
        host, bracket, port = rest.partition("]")
        host += bracket
        if not bracket or not _ADDRESS.issuperset(host[1:-1]) or port[:1] not in ("", ":"):
            raise ParameterError(f"{shown}: '{printable(rest)}' is not an IPv6 address; write it as [2001:db8::1]")
        port = port[1:]
    else:
        host, _, port = rest.partition(":")
        if ":" in port:
            raise ParameterError(
                f"{shown}: '{printable(rest)}' has more than one colon; write an IPv6 address in brackets, as "
                "[2001:db8::1], and nothing after a port"
            )
        if not host:
            raise ParameterError(f"{shown}: a port, but no server; write {form}, or nfs://server/export/…")
        if not _HOST.issuperset(host):
            raise ParameterError(
                f"{shown}: '{printable(host)}' is not a host name; write {form}, or nfs://server/export/…"
            )
    number = _port(port) if port else PORT
    if not number:
        raise ParameterError(
            f"{shown}: '{printable(port)}', after the server's colon, is not a port; leave it out, or write a path "
            f"after a slash: nfs://{host}/{printable(port)}/…"
        )
    host = canonical(host)
    return host if number == PORT else f"{host}:{number}"


def _port(text: str) -> int:
    """Return the number of a port, 0 if the text is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        return 0
    return int(text) if int(text) <= 65535 else 0


def canonical(host: str) -> str:
    """Return a host's name in lower case, without dots at its end; an IPv6 address in its shortest form."""
    host = host.lower()
    if host.startswith("["):
        import socket  # 5 ms, for a server without a name

        try:
            return "[" + socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host[1:-1])) + "]"
        except OSError:
            return host  # as the mount has it: an address with a zone
    return host.rstrip(".") or host


def split(server: str) -> "tuple[str, int]":
    """Return host and port of what parse() returned; the port is 0 if it is none in particular."""
    host, _, port = server.rpartition(":")
    return (host, int(port)) if host and not server.endswith("]") else (server, 0)
