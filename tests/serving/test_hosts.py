"""By which names a service may be asked, and heads that are too large."""

import re
from pathlib import Path

import pytest
from asking import Serve, Wire, picture, refused

from diptych.errors import UsageError
from diptych.serving.service.hosts import allowed_hosts, bare

OWN = ["localhost", "localhost:8000", "LOCALHOST.", "127.0.0.1:80", "127.0.0.1", "[::1]", "[::1]:8000"]
OTHERS = [
    "attacker.example",
    "localhost.attacker.example:8000",
    "127.0.0.1.attacker.example",
    "192.168.1.5",
    "",
    "[::2]:8000",
]


def test_a_service_for_this_machine_answers_to_its_own_names_alone(serve: Serve) -> None:
    client = serve(options={"hosts": allowed_hosts("127.0.0.1", "127.0.0.1", ())})
    for host in OWN:
        assert client.get("/health", headers={"Host": host}).status_code == 200, host
    for host in OTHERS:
        for path in ("/", "/translators", "/health", "/nowhere"):
            forged = {"Host": host, "X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
            refused(client.get(path, headers=forged), 421, f'"{host}"', "--allow-host NAME")
    answer = client.post("/translate/inverted", content=picture(), headers={"Host": "attacker.example"})
    refused(answer, 421, "ask it as localhost")
    with Wire(client) as wire:
        wire.say(b"GET /health HTTP/1.0\r\n\r\n")  # as simple monitors do; every browser names a host
        assert wire.heard().startswith(b"HTTP/1.1 200")


def test_which_names_are_allowed() -> None:
    assert allowed_hosts("127.0.0.1", "localhost", ()) == ("localhost", "127.0.0.1", "::1")
    assert "127.0.0.2" in allowed_hosts("127.0.0.2", "127.0.0.2", ())
    assert "my.machine" in allowed_hosts("::1", "My.Machine.", ())
    assert allowed_hosts("0.0.0.0", "0.0.0.0", ()) == allowed_hosts("fe80::1%eth0", "::", ()) == ()
    assert {"example.org", "localhost"} < set(allowed_hosts("0.0.0.0", "0.0.0.0", ["Example.org"]))
    assert "fd00::5" in allowed_hosts("127.0.0.1", "127.0.0.1", ["[fd00::5]:80"])
    for wrong in ("", "https://example.org", "*", "a,b", "user@here"):
        with pytest.raises(UsageError, match="--allow-host"):
            allowed_hosts("127.0.0.1", "127.0.0.1", [wrong])


def test_other_addresses_and_the_proxy_of_the_docs(serve: Serve) -> None:
    assert serve().get("/health", headers={"Host": "example.org"}).status_code == 200
    example = Path(__file__).parents[2] / "examples" / "nginx.conf"
    passed = re.search(r"proxy_set_header Host (\S+);", example.read_text(encoding="utf-8"))
    assert passed
    assert bare(passed[1]) in allowed_hosts("127.0.0.1", "127.0.0.1", ())


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 2**20 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-Many: y\r\n" * 90_000 + b"\r\n",
        b"GET /" + b"x" * 2**20 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["one", "many", "address"],
)
def test_a_head_that_is_too_large_is_told_from_nonsense(serve: Serve, head: bytes) -> None:
    with Wire(serve()) as wire:
        wire.say(head)
        heard = wire.heard()
    assert heard.startswith(b"HTTP/1.1 431")
    assert b"headers of the request have more than 32 KiB; send fewer or shorter ones." in heard
    with Wire(serve()) as wire:
        wire.say(b"no request at all\r\n\r\n")
        assert wire.heard().startswith(b"HTTP/1.1 400")
