"""What a running service answers to requests that are in order."""

import io
import json
import logging
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from asking import Inverted, Serve, offer, opened, picture, pixels, refused
from icc import ADOBE
from PIL import Image, ImageCms
from prometheus_client.parser import text_string_to_metric_families

from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.translator.translator import Translator


def test_a_raw_body_and_a_form_give_the_same_counterpart(serve: Serve) -> None:
    client, given = serve(), pixels()
    raw = client.post("/translate/inverted", content=picture(given))
    form = client.post("/translate/inverted", files={"picture": ("../../etc/passwd", picture(given))})
    np.testing.assert_array_equal(opened(raw), 255 - given)
    assert raw.content == form.content
    assert raw.headers["content-type"] == "image/png"
    assert raw.headers["cache-control"] == "no-store"
    assert raw.headers["server-timing"].startswith("translate;dur=")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_pictures_of_every_format_are_taken(serve: Serve, form: str) -> None:
    given = picture(pixels(), form)
    seen = np.asarray(Image.open(io.BytesIO(given)).convert("RGB"))
    kind = f"image/{form.lower()}"
    answer = serve().post("/translate/inverted", content=given, headers={"Content-Type": kind})
    np.testing.assert_array_equal(opened(answer), 255 - seen)


def test_other_colours_are_brought_to_srgb(serve: Serve) -> None:
    given, file = Image.fromarray(pixels()), io.BytesIO()
    given.save(file, "PNG", icc_profile=ADOBE)
    seen = ImageCms.profileToProfile(given, io.BytesIO(ADOBE), ImageCms.createProfile("sRGB"))
    answer = serve().post("/translate/inverted", content=file.getvalue())
    np.testing.assert_array_equal(opened(answer), 255 - np.asarray(seen))
    assert b"iCCP" not in answer.content


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("image/png", "PNG"),
        ("image/jpeg", "JPEG"),
        ("image/webp", "WEBP"),
        ("image/tiff", "TIFF"),
        ("*/*", "PNG"),
        ("", "PNG"),
        ("image/*;q=0.5", "PNG"),
        ("text/html, image/webp, image/png", "WEBP"),
        ("image/png;q=0.2, image/jpeg;q=0.8", "JPEG"),
        ("image/png;q=0, image/*", "JPEG"),
        ("image/avif, image/webp;q=nan, */*;q=0.1", "PNG"),
    ],
)
def test_the_answer_is_of_the_type_that_is_liked_best(serve: Serve, accept: str, form: str) -> None:
    answer = serve().post("/translate/inverted", content=picture(), headers={"Accept": accept})
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).format == form
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["text/html", "image/png;q=0", "image/gif", "nonsense"])
def test_other_types_are_refused(serve: Serve, accept: str) -> None:
    answer = serve().post("/translate/inverted", content=picture(), headers={"Accept": accept})
    refused(answer, 406, "image/webp")


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bits_of_grey_keep_their_depth(serve: Serve, ending: str) -> None:
    grey = Kind("grey", "uint16")
    given = np.arange(16 * 20, dtype=np.uint16).reshape(16, 20, 1) * 200
    file = io.BytesIO()
    formats.write(file, given, ending)
    client = serve({"heights": offer("heights", Inverted(), grey, grey)})
    for accept in ("image/png", "image/tiff"):
        answer = client.post("/translate/heights", content=file.getvalue(), headers={"Accept": accept})
        np.testing.assert_array_equal(formats.read(answer.content, grey), 65535 - given)
    refused(client.post("/translate/heights", content=file.getvalue(), headers={"Accept": "image/jpeg"}), 406, "uint16")


def test_what_png_cannot_hold_comes_as_tiff(serve: Serve) -> None:
    floats = Kind("rgb", "float32")
    client = serve({"floats": offer("floats", Inverted(), target=floats)})
    given = pixels()
    answer = client.post("/translate/floats", content=picture(given))
    assert answer.headers["content-type"] == "image/tiff"
    np.testing.assert_allclose(formats.read(answer.content, floats), (255 - given) / 255, atol=1e-6)


def test_class_maps_with_instances_come_as_a_form(serve: Serve) -> None:
    labels = Kind("labels", "uint8", classes=3, instances=True)
    client = serve({"street": offer("street", Classes(), labels)})
    classes = np.arange(16 * 20).reshape(16, 20).astype(np.uint8) % 3
    instances = np.full((16, 20), 26001, dtype=np.uint16)
    files = {"picture": picture(classes), "instances": picture(instances)}
    assert opened(client.post("/translate/street", files=files)).shape == (16, 20, 3)
    refused(client.post("/translate/street", content=picture(classes)), 422, "instance map")
    files["instances"] = picture(instances[:8])
    refused(client.post("/translate/street", files=files), 422, "differ in size")


class Classes(Inverted):
    def forward(self, source: Any) -> Any:
        return source[:, :1].float().expand(-1, 3, -1, -1) - 1


def test_the_cards_are_listed(serve: Serve) -> None:
    drawn = picture()
    client = serve({"one": Inverted(), "two": offer("two", Inverted(), licence="CC0-1.0", examples=[drawn])})
    first, second = client.get("/translators").json()["translators"]
    assert (first["name"], second["name"], second["licence"]) == ("one", "two", "CC0-1.0")
    assert (first["source"]["colour"], first["engine"], first["size"]) == ("rgb", "torch", [16, 16])
    assert client.get(f"/{second['examples'][0]}").content == drawn


def test_it_says_that_it_lives_and_what_it_did(serve: Serve) -> None:
    client = serve({"inverted": Inverted()})
    assert client.get("/health").json() == {"status": "ok", "version": "0.1.0", "waiting": 0}
    client.post("/translate/inverted", content=picture())
    client.post("/translate/inverted", content=b"nothing of the kind")
    client.get("/no/such/address")
    families = text_string_to_metric_families(client.get("/metrics").text)
    values = {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}
    assert (
        values["diptych_requests_total", "/translate", "200", "inverted"]
        == 0 + values["diptych_requests_total", "/translate", "415", "inverted"]
    )
    assert values["diptych_requests_total", "", "404", "page"] == 1
    assert values["diptych_pixels_total", "inverted"] == 16 * 20
    assert values["diptych_waiting", "inverted"] == 0


def test_the_document_has_examples_and_names_every_answer(serve: Serve) -> None:
    paths = serve().get("/openapi.json").json()["paths"]
    assert set(paths) == {"/translate/{name}", "/translators", "/health", "/ready", "/metrics"}
    translate = paths["/translate/{name}"]["post"]
    assert set(translate["responses"]) == {"200", "400", "401", "404", "406", "408", "413", "415", "422", "503"}
    assert translate["parameters"][0]["schema"]["examples"] == ["inverted"]
    assert "example" in translate["responses"]["422"]["content"]["application/problem+json"]
    listed = paths["/translators"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert listed["translators"][0]["name"] == "inverted"


def test_the_page_and_the_headers_that_keep_it_to_itself(serve: Serve) -> None:
    client = serve()
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cross-origin-embedder-policy"] == "require-corp"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/").headers["content-length"] == str(len(page.content))


def test_the_log_is_json_and_says_nothing_of_the_picture(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    from diptych.serving.service.uvicorn_server import JsonFormatter

    caplog.set_level(logging.INFO, "diptych.serving")
    client = serve()
    answer = client.post("/translate/inverted?seed=7", files={"picture": ("a-secret-name.png", picture())})
    client.get("/a-secret-address")
    time.sleep(0.05)
    lines = [
        json.loads(JsonFormatter().format(record)) for record in caplog.records if record.name == "diptych.serving"
    ]
    first = next(line for line in lines if line["request"] == answer.headers["x-request-id"])
    assert set(first) == {
        "time",
        "level",
        "request",
        "method",
        "route",
        "translator",
        "status",
        "milliseconds",
        "bytes",
    }
    assert (first["method"], first["route"], first["translator"], first["status"]) == (
        "POST",
        "/translate",
        "inverted",
        200,
    )
    assert first["bytes"] == len(answer.content)
    assert "secret" not in json.dumps(lines)
    assert "127.0.0.1" not in json.dumps(lines)


def test_the_size_at_which_the_network_sees_a_picture(serve: Serve) -> None:
    seen: list[tuple[int, ...]] = []

    class Watched(Inverted):
        def forward(self, source: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(source.shape[2:]))
            return super().forward(source)

    made = offer("inverted", Watched())
    card = replace(made.translator.card, fit="stretch")
    client = serve({"inverted": replace(made, translator=Translator(Watched(), card))})
    for query, wanted in {
        "": (16, 16),
        "?size=training": (16, 16),
        "?size=own": (40, 60),
        "?size=32": (32, 32),
        "?size=24x48": (24, 48),
    }.items():
        answer = client.post(f"/translate/inverted{query}", content=picture(pixels(40, 60)))
        assert answer.status_code == 200, answer.text
        assert Image.open(io.BytesIO(answer.content)).size == (60, 40)
        assert seen.pop() == wanted
    for wrong in ("big", "0", "1x2x3", "-1", "999999"):
        refused(client.post(f"/translate/inverted?size={wrong}", content=picture()), 422, "size")
    refused(client.post("/translate/inverted?size=90000", content=picture()), 413, "ask for a smaller size")
    entry = client.get("/translators").json()["translators"][0]
    assert (entry["fit"], entry["size"], entry["filter"]) == ("stretch", [16, 16], "bicubic")
