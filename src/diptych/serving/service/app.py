"""The HTTP service: translators by name, a page to draw on, and health and metrics. No request names a file on the disk."""

import contextlib
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Path, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from diptych.serving.page.routes import PageRoutes
from diptych.serving.service.dispatcher import Dispatcher, RequestOptions
from diptych.serving.service.hosts import HostMiddleware
from diptych.serving.service.limits import Limits
from diptych.serving.service.listing import Offer
from diptych.serving.service.metrics import Metrics
from diptych.serving.service.middleware import ConcurrencyMiddleware, RequestLogMiddleware, TextGZipMiddleware
from diptych.serving.service.openapi import (
    BODY,
    COUNTERPART,
    HEALTH_EXAMPLE,
    METRICS,
    SIZE,
    SIZE_PATTERN,
    Health,
    listing_response,
)
from diptych.serving.service.problems import Problem, handle_problem, problem_response, responses

BEARER = HTTPBearer(
    auto_error=False, description="The token with which the service was started, where it was with one."
)

PARAMETERS = {
    "seed": f"give a whole number from 0 to {2**63 - 1}",
    "size": "give training, own, a side such as 256, or HEIGHTxWIDTH such as 256x512",
}
"""Query parameters of /translate, and what each may be."""


@dataclass
class Service:
    """A service: its translators, limits and access."""

    offers: Sequence[Offer]
    limits: Limits = field(default_factory=Limits)
    token: str = ""
    origins: Sequence[str] = ()
    browser: bool = True
    """Whether the page may fetch the networks, to translate in the browser."""
    hosts: Sequence[str] = ()
    """Names that clients may ask for; empty: every name."""

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.dispatcher = Dispatcher(self.offers, self.limits, self.metrics)
        self.pages = PageRoutes(self.offers, self.browser)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Translate; at the end all accepted requests have been answered."""
        async with self.dispatcher.running():
            yield

    async def check_token(self, given: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]) -> None:
        """Refuse clients without the token."""
        if given is None or not hmac.compare_digest(given.credentials.encode(), self.token.encode()):
            message = "this service needs its token; send Authorization: Bearer TOKEN."
            raise Problem(401, message, {"WWW-Authenticate": "Bearer"})

    def health_as(self, status: str) -> Health:
        waiting = sum(len(batcher.waiting) for batcher in self.dispatcher.batchers.values())
        return Health(status=status, version=version("diptych"), waiting=waiting)

    async def health(self) -> Health:
        return self.health_as("ok")

    async def ready(self) -> Health:
        for batcher in self.dispatcher.batchers.values():
            batcher.check_room()
        return self.health_as("ready")

    async def counters(self) -> Response:
        for name, batcher in self.dispatcher.batchers.items():
            self.metrics.waiting.labels(name).set(len(batcher.waiting))
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def translators(self) -> dict[str, Any]:
        return await run_in_threadpool(self.pages.listing)


def create_app(service: Service) -> FastAPI:
    """The application."""
    app = FastAPI(
        title="diptych",
        version=version("diptych"),
        description="Turns pictures into their counterparts.",
        lifespan=service.lifespan,
        docs_url=None,  # its page would come from another host
        redoc_url=None,
        redirect_slashes=False,  # which would send clients to whatever host they name
        exception_handlers={
            Problem: handle_problem,
            HTTPException: handle_http_exception,
            RequestValidationError: handle_validation_error,
        },
    )
    guarded = [Depends(service.check_token)] if service.token else []
    add_translate(app, service, guarded)
    listed = {200: listing_response(list(service.offers)), **responses(401)}
    healthy: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": HEALTH_EXAMPLE}}}
    # Of the listing no model: what is handed back has that form already.
    get = partial(app.get, dependencies=guarded)
    get("/translators", response_model=None, responses=listed, summary="What can be asked for")(service.translators)
    get("/translators.json", include_in_schema=False)(service.translators)
    app.get("/health", responses=healthy, summary="Whether it lives")(service.health)
    app.get("/ready", responses=healthy | responses(503), summary="Whether it takes pictures just now")(service.ready)
    counted = {200: METRICS, **responses(401)}
    get("/metrics", name="metrics", response_class=Response, responses=counted, summary="For Prometheus")(
        service.counters
    )
    service.pages.mount(app, guarded)
    add_middleware(app, service)
    return app


def add_translate(app: FastAPI, service: Service, guarded: list[Any]) -> None:
    names: list[Any] = [offer.name for offer in service.offers]
    described = Path(
        description="Of a translator, as /translators lists it.",
        max_length=200,
        examples=names[:1],
        json_schema_extra={"enum": names} if names else None,
    )
    sizes = {word: {"value": word} for word in ("training", "own", "256", "256x512")}

    @app.post(
        "/translate/{name}",
        dependencies=[*guarded, Depends(reject_unknown_parameters)],
        response_class=Response,
        openapi_extra={"requestBody": BODY},
        responses={200: COUNTERPART, **responses(400, 401, 404, 406, 408, 413, 415, 422, 503)},
        summary="Translate a picture",
    )
    async def translate(
        name: Annotated[str, described],
        request: Request,
        seed: Annotated[
            int | None, Query(ge=0, lt=2**63, description="Of the noise; none: the translator's own.", examples=[7])
        ] = None,
        size: Annotated[str, Query(description=SIZE, pattern=SIZE_PATTERN, openapi_examples=sizes)] = "training",
        accept: Annotated[
            str, Header(description="The type of the answer.", examples=["image/webp, image/png;q=0.5"])
        ] = "image/png",
    ) -> Response:
        return await service.dispatcher.translate(name, request, RequestOptions(seed, size, accept))


def add_middleware(app: FastAPI, service: Service) -> None:
    """The last added sees a request first."""
    app.add_middleware(ConcurrencyMiddleware, limits=service.limits)
    app.add_middleware(TextGZipMiddleware, minimum_size=500, compresslevel=6)
    if service.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=["Server-Timing", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(HostMiddleware, hosts=service.hosts)
    names = {offer.name for offer in service.offers}
    app.add_middleware(RequestLogMiddleware, metrics=service.metrics, names=names)


async def handle_http_exception(request: Request, problem: Exception) -> JSONResponse:
    """Addresses and methods that are not served."""
    assert isinstance(problem, HTTPException)
    messages = {
        404: "there is nothing at this address; / is the page, /openapi.json says what there is.",
        405: "this address does not take that method; /openapi.json says which it takes.",
    }
    return problem_response(
        problem.status_code, messages.get(problem.status_code, f"{problem.detail}."), dict(problem.headers or {})
    )


async def handle_validation_error(request: Request, problem: Exception) -> JSONResponse:
    """A parameter of the wrong kind."""
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    name, given = str(first["loc"][-1]), str(first.get("input"))[:40]
    return problem_response(
        422, f'{name} cannot be "{given}"; {PARAMETERS.get(name, "/openapi.json says what is taken")}.'
    )


async def reject_unknown_parameters(request: Request) -> None:
    """Refuse parameters that would be ignored, such as a misspelt name."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in PARAMETERS:
            raise Problem(422, f'there is no parameter "{name[:40]}"; there are {" and ".join(PARAMETERS)}.')
        if names.count(name) > 1:
            raise Problem(422, f"{name} is given {names.count(name)} times; give it once.")
