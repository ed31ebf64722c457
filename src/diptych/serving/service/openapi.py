"""Descriptions of bodies and answers for the OpenAPI document."""

from dataclasses import dataclass
from typing import Any

from diptych.serving.service.listing import Listing, Offer
from diptych.serving.service.request_body import FIELDS

PICTURE: dict[str, Any] = {"type": "string", "format": "binary"}
TYPES = ("image/png", "image/jpeg", "image/webp", "image/tiff")
FORM = {"type": "object", "required": ["picture"], "properties": dict.fromkeys(FIELDS, PICTURE)}
BODY = {
    "required": True,
    "description": "A picture: PNG, JPEG, WebP, BMP or TIFF. As a form: the file picture, and where the translator takes "
    "class maps with instances the file instances, or where it fills holes the file mask, white where the hole is.",
    "content": {
        **{kind: {"schema": PICTURE} for kind in TYPES},
        "multipart/form-data": {"schema": FORM, "encoding": {"picture": {"contentType": ", ".join(TYPES)}}},
    },
}
SIZE = (
    "At which the network sees the picture, before the result is brought back to its size: training, the scale of "
    "training; own, the picture's own; a side; or HEIGHTxWIDTH."
)
SIZE_PATTERN = "^(training|own|[1-9][0-9]{0,4}(x[1-9][0-9]{0,4})?)$"
ANSWERS = {kind: {"schema": PICTURE} for kind in TYPES}
COUNTERPART: dict[str, Any] = {
    "description": "The counterpart.",
    "content": ANSWERS,
    "headers": {
        "Server-Timing": {
            "description": "Milliseconds of the network: translate;dur=12.3",
            "schema": {"type": "string"},
        }
    },
}
METRICS: dict[str, Any] = {
    "description": "Counters, in the text format of Prometheus.",
    "content": {
        "text/plain": {
            "schema": {"type": "string"},
            "example": 'diptych_requests_total{route="/translate",status="200",translator="facades"} 12.0',
        }
    },
}
HEALTH_EXAMPLE = {"example": {"status": "ok", "version": "0.1.0", "waiting": 0}}


@dataclass(frozen=True)
class Health:
    """Alive or ready, and how many pictures wait."""

    status: str
    version: str
    waiting: int


def listing_response(offers: "list[Offer]") -> dict[str, Any]:
    """The answer of /translators, with the first one as the example."""
    example = {"translators": [offer.entry(None) for offer in offers[:1]], "served": True}
    return {
        "model": Listing,
        "description": "The cards, by name.",
        "content": {"application/json": {"example": example}},
    }
