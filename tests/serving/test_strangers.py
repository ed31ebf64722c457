"""Addresses, headers and pages of strangers: an answer that says what is wrong, with the headers that all answers have."""

import gzip
import json
import logging
from collections.abc import Mapping

import httpx
import jsonschema_rs
import pytest
from asking import Inverted, Serve, Wire, offer, opened, picture, refused

ELSEWHERE = {"Origin": "https://example.org"}
CORS = {"origins": ["https://example.org"]}


def said(client: httpx.Client, *lines: bytes, body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]:
    """The answer to a request of exactly these lines."""
    with Wire(client) as wire:
        wire.say(b"\r\n".join((*lines, b"Connection: close", b"Host: here", b"", body)))
        head, _, rest = wire.heard().partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(field.lower().split(": ", 1) for field in fields), rest


@pytest.mark.parametrize(
    "address",
    [
        b"/%",
        b"/%zz",
        b"/%ff%fe",
        b"/%00",
        b"/translate/%00",
        b"/translate/%ff",
        b"/translate/%ED%A0%80",  # half a surrogate
        b"/translate/%0d%0aX-Evil:%20yes",
        b"/translate/" + b"x" * 20_000,
        b"/translate/" + b"%F0%9F%98%80" * 100,
        b"/examples/inverted/%2e%2e%2f0.png",
        b"//inverted",
        b"/?%ff=%00",
        b"/translate/inverted?seed=%ff",
        b"/translate/inverted?seed=%00",
        b"/translate/inverted?seed=1&seed=2",
        b"/translate/inverted?" + b"a=b&" * 2000,
        b"/%2e%2e/%2e%2e/etc/passwd",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"POST", b"PROPFIND"])
def test_odd_addresses(serve: Serve, method: bytes, address: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    status, headers, body = said(serve(), method + b" " + address + b" HTTP/1.1", b"Content-Length: 0")
    assert status < 500
    assert "x-evil" not in headers
    if status >= 400:
        assert json.loads(body)["detail"].endswith(".")
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "header",
    [
        b"Accept: \xff\xfe",
        b"Accept: image/png;q=\xb2",
        b"Accept: " + b"image/png," * 2000,
        b"Content-Type: image/\xff",
        b"Content-Type: multipart/form-data; boundary=\xff",
        b"Content-Type: multipart/form-data; boundary=" + b"x" * 10_000,
        b"Content-Type: multipart/form-data; boundary=\"",
        b"Content-Encoding: gzip",
        b"Authorization: Bearer \xff",
        b"Authorization: " + b"x" * 10_000,
        b"Origin: \xff",
        b"If-None-Match: \xff",
        b"X-Request-Id: \xff",
        b"Accept-Encoding: \xff, gzip;q=\xff",
        b"Expect: \xff",
        b"Range: bytes=\xff-",
        b"Cookie: " + b"\xff" * 1000,
        b"\xc3\xa9: 1",
        b"X: a\x00b",
        b"X-Forwarded-For: \xff",
    ],
)  # fmt: skip
@pytest.mark.parametrize("token", ["", "opensesame"])
def test_odd_headers(serve: Serve, header: bytes, token: str, caplog: pytest.LogCaptureFixture) -> None:
    client, body = serve(options={"token": token, **CORS}), picture()
    caplog.set_level(logging.INFO)
    for first in (b"POST /translate/inverted HTTP/1.1", b"GET / HTTP/1.1", b"OPTIONS / HTTP/1.1"):
        status, headers, answer = said(client, first, header, b"Content-Length: %d" % len(body), body=body)
        assert status < 500
        assert "x-request-id" in headers or status == 400
        if status >= 400:
            assert json.loads(answer)["detail"].endswith(".")
    assert not [record for record in caplog.records if record.exc_info]


def test_other_pages_may_read_refusals_too(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve(options={"token": "opensesame", **CORS})
    known = {"Authorization": "Bearer opensesame"}
    answers = [
        client.post("/translate/inverted", content=picture(), headers=ELSEWHERE),
        client.post("/translate/nobody", content=picture(), headers=ELSEWHERE | known),
        client.post("/translate/inverted?seed=x", content=picture(), headers=ELSEWHERE | known),
        client.post("/translate/inverted", content=b"nothing", headers=ELSEWHERE | known),
        client.get("/nowhere", headers=ELSEWHERE),
        client.delete("/", headers=ELSEWHERE),
    ]
    assert [answer.status_code for answer in answers] == [401, 404, 422, 415, 404, 405]
    full = serve(options=CORS, concurrent_pictures=0)
    answers.append(full.post("/translate/inverted", content=picture(), headers=ELSEWHERE))
    assert answers[-1].status_code == 503
    monkeypatch.setattr("diptych.serving.service.dispatcher.count_pixels", None)
    answers.append(client.post("/translate/inverted", content=picture(), headers=ELSEWHERE | known))
    assert answers[-1].status_code == 500
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert {"retry-after", "x-request-id"} <= exposed
        assert answer.headers["x-content-type-options"] == "nosniff"
    asked = ELSEWHERE | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-request-id"}
    assert client.options("/translate/inverted", headers=asked).status_code == 200


def test_a_number_that_comes_with_a_request_goes_out_with_its_answer(serve: Serve) -> None:
    client = serve()
    for fit in ("abc", "0af7651916cd43dd8448eb211c80319c", "A.b_c-9", "x" * 64):
        assert client.get("/health", headers={"X-Request-Id": fit}).headers["x-request-id"] == fit
        assert client.get("/nowhere", headers={"X-Request-Id": fit}).headers["x-request-id"] == fit
    for unfit in ("", "a b", "x" * 65, '{"a": 1}', "<script>", "a\tb"):
        found = client.get("/health", headers={"X-Request-Id": unfit}).headers["x-request-id"]
        assert found != unfit
        assert found.isalnum()


def test_text_is_compressed_and_pictures_are_not(serve: Serve) -> None:
    client = serve({"inverted": offer("inverted", Inverted(), examples=[bytes(5000)])})
    for address in ("/", "/controls.js", "/style.css", "/translators", "/openapi.json", "/metrics"):
        plain = client.get(address, headers={"Accept-Encoding": "identity"})
        packed = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip", address
        assert "accept-encoding" in packed.headers["vary"].lower()
        assert "content-encoding" not in plain.headers
        if address != "/metrics":
            assert packed.content == plain.content
            raw = said(client, f"GET {address} HTTP/1.1".encode(), b"Accept-Encoding: gzip")[2]
            assert len(raw) < len(plain.content)
            assert address == "/" or gzip.decompress(raw) == plain.content
    small = client.get("/health", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers
    for answer in (client.post("/translate/inverted", content=picture()), client.get("/examples/inverted/0.png")):
        assert "content-encoding" not in answer.headers


def test_every_answer_fits_the_schema_that_the_document_has_for_it(serve: Serve) -> None:
    client = serve({"inverted": Inverted()}, {"token": "opensesame"})
    known = {"Authorization": "Bearer opensesame"}
    document = client.get("/openapi.json").json()
    for operation in (method for path in document["paths"].values() for method in path.values()):
        for status, told in operation["responses"].items():
            for kind, content in told["content"].items():
                assert content["schema"], (status, kind)
    for method, address in (("get", "/translators"), ("get", "/health"), ("get", "/ready"), ("post", "/translate/x")):
        answer = client.request(method, address, headers=known)
        path = "/translate/{name}" if method == "post" else address
        told = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
        schema = told[answer.headers["content-type"]]["schema"]
        jsonschema_rs.validate({**schema, "components": document["components"]}, answer.json())
    entry = document["components"]["schemas"]["Entry"]
    assert set(entry["properties"]) == set(entry["required"])
    assert set(client.get("/translators", headers=known).json()["translators"][0]) == set(entry["properties"])


def test_the_document_says_where_the_token_goes(serve: Serve) -> None:
    document = serve(options={"token": "opensesame"}).get("/openapi.json").json()
    ((name, scheme),) = document["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    guarded = {
        path for path, methods in document["paths"].items() if any("security" in one for one in methods.values())
    }
    assert guarded == {"/translate/{name}", "/translators", "/metrics"}
    assert document["paths"]["/metrics"]["get"]["security"] == [{name: []}]
    assert "securitySchemes" not in serve().get("/openapi.json").json().get("components", {})


def test_the_token_itself_may_be_anything_that_a_header_holds(serve: Serve) -> None:
    client = serve(options={"token": "a+b/c=="})
    answer = client.post("/translate/inverted", content=picture(), headers={"Authorization": "bearer a+b/c=="})
    assert opened(answer).shape == (16, 20, 3)
    refused(client.get("/translators", headers={"Authorization": "Bearer a+b/c="}), 401)
