"""By which names a service may be asked.

A page anywhere can give its own name the address of this machine (DNS rebinding); its visitors' browsers then take a service that
listens here alone for a part of that page. The Host header still says the page's name. X-Forwarded-Host, which scripts can set,
proves nothing.
"""

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from diptych.errors import UsageError
from diptych.serving.service.problems import problem_response

LOCAL = ("localhost", "127.0.0.1", "::1")


def allowed_hosts(listening: str, host: str, named: Sequence[str]) -> tuple[str, ...]:
    """The names that a service answers to; empty for every name.

    Args:
        listening: the address on which it listens.
        host: what the user called that.
        named: further names, of ``--allow-host``.

    Raises:
        UsageError: for what is no host name.
    """
    for name in named:
        if not name or set(name) & set("/@*, "):
            raise UsageError(
                f'--allow-host is "{name}"; give a host name such as example.org, without https:// and port.'
            )
    if not named and not ipaddress.ip_address(listening.partition("%")[0]).is_loopback:
        return ()
    return tuple(dict.fromkeys(bare(name) for name in (*LOCAL, listening, host, *named)))


def bare(host: str) -> str:
    """A Host header's name in small letters, without its port, brackets and the dot of a full name."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.removesuffix(".")


class HostMiddleware:
    """Refuses requests for other names. A client that names no host is no browser."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app, self.hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.hosts:
            given = Headers(scope=scope).getlist("host")
            if any(bare(host) not in self.hosts for host in given):
                message = (
                    f'this service does not answer to the name "{given[0][:80]}"; ask it as localhost, or start it with '
                    "--allow-host NAME."
                )
                await problem_response(421, message)(scope, receive, send)
                return
        await self.app(scope, receive, send)
