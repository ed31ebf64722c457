"""The HTTP service: translators by name, a page to draw on, and what monitors ask. No path of a request reaches the disk."""

import contextlib
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from diptych.serving.page.routes import Pages
from diptych.serving.service.limits import Limits
from diptych.serving.service.listing import Offer
from diptych.serving.service.metrics import Metrics
from diptych.serving.service.openapi import BODY, COUNTERPART, LIVES, METRICS, PATTERN, SIZE, Health, listed
from diptych.serving.service.problems import Problem, answer, on_problem, responses
from diptych.serving.service.requests import Bound, Compressed, Watch
from diptych.serving.service.work import Work

BEARER = HTTPBearer(
    auto_error=False, description="The token with which the service was started, where it was with one."
)

PARAMETERS = {
    "seed": f"give a whole number from 0 to {2**63 - 1}",
    "size": "give training, own, a side such as 256, or HEIGHTxWIDTH such as 256x512",
}
"""Of an address that translates, and what each may be."""


@dataclass
class Service:
    """All that a running service is."""

    offers: Sequence[Offer]
    limits: Limits = field(default_factory=Limits)
    token: str = ""
    origins: Sequence[str] = ()
    browser: bool = True
    """Whether the page may fetch the networks, to translate by itself."""

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.work = Work(self.offers, self.limits, self.metrics)
        self.pages = Pages(self.offers, self.browser)

    @contextlib.asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """Translate while the service lives; when it is asked to stop, what was accepted has been answered before."""
        async with self.work.going():
            yield

    async def allowed(self, told: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]) -> None:
        """Refuse whoever does not know the token."""
        if told is None or not hmac.compare_digest(told.credentials.encode(), self.token.encode()):
            raise Problem(
                401, "this service needs its token; send Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
            )


def create(service: Service) -> FastAPI:
    """The application."""
    app = FastAPI(
        title="diptych",
        version=version("diptych"),
        description="Turns pictures into their counterparts.",
        lifespan=service.life,
        docs_url=None,  # its page would come from another host
        redoc_url=None,
        redirect_slashes=False,  # which would send clients to whatever host they name
        exception_handlers={Problem: on_problem, HTTPException: on_http, RequestValidationError: on_invalid},
    )
    guarded = [Depends(service.allowed)] if service.token else []
    work = service.work

    @app.post(
        "/translate/{name}",
        dependencies=[*guarded, Depends(known_parameters)],
        response_class=Response,
        openapi_extra={"requestBody": BODY},
        responses={
            200: COUNTERPART,
            **responses(400, 401, 404, 406, 408, 413, 415, 422, 503),
        },
        summary="Translate a picture",
    )
    async def translate(
        name: Annotated[str, named_in_path(service)],
        request: Request,
        seed: Annotated[
            int | None, Query(ge=0, lt=2**63, description="Of the noise; none: the translator's own.", examples=[7])
        ] = None,
        size: Annotated[
            str,
            Query(
                description=SIZE,
                pattern=PATTERN,
                openapi_examples={word: {"value": word} for word in ("training", "own", "256", "256x512")},
            ),
        ] = "training",
        accept: Annotated[
            str, Header(description="The type of the answer.", examples=["image/webp, image/png;q=0.5"])
        ] = "image/png",
    ) -> Response:
        done, data, media_type = await work.translate(name, request, seed, size, accept)
        headers = {
            "Server-Timing": f"translate;dur={done.seconds * 1000:.1f}",
            "Cache-Control": "no-store",
            "Vary": "Accept",
        }
        return Response(data, media_type=media_type, headers=headers)

    @app.get(
        "/translators",
        dependencies=guarded,
        response_model=None,  # what is handed back has that form already
        responses={200: listed(list(service.offers)), **responses(401)},
        summary="What can be asked for",
    )
    @app.get("/translators.json", dependencies=guarded, include_in_schema=False)
    async def translators() -> dict[str, Any]:
        return await run_in_threadpool(service.pages.listing)

    def waiting() -> int:
        return sum(len(batcher.waiting) for batcher in work.batchers.values())

    @app.get("/health", responses={200: {"content": {"application/json": LIVES}}}, summary="Whether it lives")
    async def health() -> Health:
        return Health(status="ok", version=version("diptych"), waiting=waiting())

    @app.get(
        "/ready",
        responses={200: {"content": {"application/json": LIVES}}, **responses(503)},
        summary="Whether it takes pictures just now",
    )
    async def ready() -> Health:
        for batcher in work.batchers.values():
            batcher.check_room()
        return Health(status="ready", version=version("diptych"), waiting=waiting())

    @app.get(
        "/metrics",
        dependencies=guarded,
        response_class=Response,
        responses={200: METRICS, **responses(401)},
        summary="For Prometheus",
    )
    async def metrics() -> Response:
        for name, batcher in work.batchers.items():
            service.metrics.waiting.labels(name).set(len(batcher.waiting))
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    service.pages.mount(app, guarded)
    app.add_middleware(Bound, limits=service.limits)
    app.add_middleware(Compressed)
    if service.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=["Server-Timing", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Watch, metrics=service.metrics, names=set(work.offers))
    return app


def named_in_path(service: Service) -> Any:
    """The name of a translator, with an example."""
    from fastapi import Path

    names = [offer.name for offer in service.offers]
    return Path(
        description="Of a translator, as /translators lists it.",
        max_length=200,
        examples=names[:1],
        json_schema_extra={"enum": names} if names else None,
    )


async def on_http(request: Request, problem: Exception) -> JSONResponse:
    """Addresses and methods that are not served."""
    assert isinstance(problem, HTTPException)
    words = {
        404: "there is nothing at this address; / is the page, /openapi.json says what there is.",
        405: "this address does not take that method; /openapi.json says which it takes.",
    }
    return answer(
        problem.status_code, words.get(problem.status_code, f"{problem.detail}."), dict(problem.headers or {})
    )


async def on_invalid(request: Request, problem: Exception) -> JSONResponse:
    """A parameter of the wrong kind."""
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    name, given = str(first["loc"][-1]), str(first.get("input"))[:40]
    return answer(422, f'{name} cannot be "{given}"; {PARAMETERS.get(name, "/openapi.json says what is taken")}.')


async def known_parameters(request: Request) -> None:
    """Refuse what would be passed over, such as a misspelt name."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in PARAMETERS:
            raise Problem(422, f'there is no parameter "{name[:40]}"; there are {" and ".join(PARAMETERS)}.')
        if names.count(name) > 1:
            raise Problem(422, f"{name} is given {names.count(name)} times; give it once.")
