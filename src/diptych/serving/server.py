"""The HTTP service: translators by name, a page to draw on, and what monitors ask. No path of a request reaches the disk."""

import asyncio
import contextlib
import hmac
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from diptych.errors import DiptychError, out_of_memory, too_small
from diptych.images import Stored
from diptych.serving.batching import Batcher, Done
from diptych.serving.bodies import Bodies
from diptych.serving.described import BODY, COUNTERPART, LIVES, METRICS, PATTERN, SIZE, Health, listed
from diptych.serving.limits import Limits
from diptych.serving.listing import Offer, Translates
from diptych.serving.metrics import Metrics
from diptych.serving.pages import Pages
from diptych.serving.pictures import check_counterpart, decoded, encoded, wanted_type, with_instances
from diptych.serving.problems import Problem, answer, on_problem, responses
from diptych.serving.requests import Watch

CODERS = min(4, os.cpu_count() or 1)
Result = TypeVar("Result")


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
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="translate")  # torch has its own team of threads
        self.coders = ThreadPoolExecutor(CODERS, thread_name_prefix="code")
        self.bodies = Bodies()
        self.pages = Pages(self.offers, self.browser)
        self.by_name = {offer.name: offer for offer in self.offers}
        self.batchers = {
            offer.name: Batcher(partial(several, offer.translator), self.limits, self.pool) for offer in self.offers
        }

    @contextlib.asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """Translate while the service lives; when it is asked to stop, what was accepted has been answered before."""
        tasks = [asyncio.create_task(batcher.work()) for batcher in self.batchers.values()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.pool.shutdown()
        self.coders.shutdown()

    async def allowed(self, authorization: Annotated[str, Header(include_in_schema=False)] = "") -> None:
        """Refuse whoever does not know the token, where there is one."""
        if self.token and not hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode()):
            raise Problem(
                401, "this service needs its token; send Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
            )

    async def translate(
        self, name: str, request: Request, seed: int | None, size: str, accept: str
    ) -> tuple[Done, bytes, str]:
        """From a request to the bytes of an answer."""
        offer = self.by_name.get(name)
        if offer is None:
            known = ", ".join(self.by_name)
            raise Problem(404, f"there is no translator of that name; there is {known}.")
        translator = offer.translator
        media_type = wanted_type(accept, translator.card.target)
        batcher = self.batchers[name]
        if batcher.full():
            await batcher.refuse()  # before its body is read
        async with self.bodies.taken(request, self.limits) as files:
            picture, seen = await self.on_a_thread(picture_of, files, translator, size, self.limits)
        try:
            done = await batcher.ask(picture, seed, seen)
        except Problem:
            raise
        except Exception as problem:
            raise explained(problem) from None
        self.metrics.batches.labels(name).observe(done.batch)
        self.metrics.translating.labels(name).observe(done.seconds)
        self.metrics.pixels.labels(name).inc(picture.shape[0] * picture.shape[1])
        return done, await self.on_a_thread(encoded, done.picture, media_type), media_type

    async def on_a_thread(self, work: Callable[..., Result], *given: Any) -> Result:
        """Decode or encode beside the event loop, a few at once: each holds a picture in full."""
        return await asyncio.get_running_loop().run_in_executor(self.coders, work, *given)


def picture_of(
    files: dict[str, bytes], translator: Translates, size: str, limits: Limits
) -> tuple[Stored, tuple[int, int]]:
    """The picture, and the (height, width) at which the network is to see it."""
    card = translator.card
    picture = decoded(files["picture"], card.source, limits)
    if card.source.instances and picture.shape[2] == 1:
        picture = with_instances(picture, files.get("instances"), limits)
    seen = translator.seen(picture, size)
    check_counterpart(picture, seen, card, limits)
    return picture, seen


def several(translator: Translates, pictures: Sequence[Any], seed: int | None, seen: tuple[int, int]) -> list[Any]:
    return translator.several(pictures, size=seen, seed=seed)


def explained(problem: Exception) -> Exception:
    """What a network says of its input, as the client's problem where it is one."""
    if isinstance(problem, DiptychError):
        return Problem(422, str(problem))
    if out_of_memory(problem):
        return Problem(413, "the picture is too large for this machine's memory; make it smaller.")
    if too_small(problem):
        return Problem(422, "the picture is too small for this translator; enlarge it.")
    return problem


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
    guarded = [Depends(service.allowed)]

    @app.post(
        "/translate/{name}",
        dependencies=guarded,
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
        done, data, media_type = await service.translate(name, request, seed, size, accept)
        headers = {
            "Server-Timing": f"translate;dur={done.seconds * 1000:.1f}",
            "Cache-Control": "no-store",
            "Vary": "Accept",
        }
        return Response(data, media_type=media_type, headers=headers)

    @app.get(
        "/translators",
        dependencies=guarded,
        responses={200: listed(list(service.offers)), **responses(401, 503)},
        summary="What can be asked for",
    )
    @app.get("/translators.json", dependencies=guarded, include_in_schema=False)
    async def translators() -> dict[str, Any]:
        return await run_in_threadpool(service.pages.listing)

    @app.get(
        "/health",
        responses={200: {"content": {"application/json": LIVES}}, **responses(503)},
        summary="Whether it lives",
    )
    async def health() -> Health:
        waiting = sum(len(batcher.waiting) for batcher in service.batchers.values())
        return Health(status="ok", version=version("diptych"), waiting=waiting)

    @app.get(
        "/metrics",
        dependencies=guarded,
        response_class=Response,
        responses={200: METRICS, **responses(401, 503)},
        summary="For Prometheus",
    )
    async def metrics() -> Response:
        for name, batcher in service.batchers.items():
            service.metrics.waiting.labels(name).set(len(batcher.waiting))
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    service.pages.mount(app, guarded)
    if service.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Server-Timing", "Retry-After"],
        )
    app.add_middleware(Watch, metrics=service.metrics, limits=service.limits)
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
    place = " ".join(str(part) for part in first["loc"])
    return answer(422, f"{place}: {first['msg']}; /openapi.json says what is taken.")
