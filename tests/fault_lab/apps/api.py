"""A small FastAPI service with the usual settings of such a service. Its faults are wrong settings."""

import logging
import os
import sys

from fastapi import FastAPI, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

log = logging.getLogger("uvicorn.error")
app = FastAPI(title="api")


def words(name: str, default: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


class Auth:
    """Rejects every request without a token, including websockets, as middleware for pages does."""

    def __init__(self, inner, token: str, exempt: list[str]) -> None:
        self.inner, self.token, self.exempt = inner, token, exempt

    async def __call__(self, scope, receive, send) -> None:
        asked = scope["type"] in ("http", "websocket")
        if asked and scope["path"] not in self.exempt and scope.get("method") != "OPTIONS":
            given = dict(scope["headers"]).get(b"authorization", b"").decode()
            if given != f"Bearer {self.token}":
                log.warning("auth: no valid token for %s", scope["path"])
                if scope["type"] == "websocket":
                    await receive()
                    await send({"type": "websocket.close", "code": 1008})
                    return
                await JSONResponse({"detail": "Not authenticated"}, 401)(scope, receive, send)
                return
        await self.inner(scope, receive, send)


if token := os.environ.get("API_TOKEN"):
    app.add_middleware(Auth, token=token, exempt=["/health", *words("AUTH_EXEMPT", "")])
if os.environ.get("CORS") != "off":
    app.add_middleware(
        CORSMiddleware,
        allow_origins=words("ORIGINS", "http://localhost:5173"),
        allow_methods=words("METHODS", "GET,POST,PUT"),
        allow_headers=words("HEADERS", "Content-Type,X-Api-Key"),
        allow_credentials=os.environ.get("CREDENTIALS", "true") == "true",
    )


@app.get("/health")
async def health() -> JSONResponse:
    if os.path.exists("degraded"):
        return JSONResponse({"status": "degraded", "reason": "the queue is full"})
    if os.path.exists("unavailable"):
        return JSONResponse({"status": "down"}, 503)
    return JSONResponse({"status": "ok"})


@app.post("/v1/sessions/", status_code=201)
async def create_session() -> dict[str, str]:
    if url := os.environ.get("REDIS_URL"):
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        redis = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))
        try:
            await redis.set("session:1", "demo")
        finally:
            await redis.aclose()
    return {"id": "1"}


@app.put("/v1/sessions/{session}")
async def rename_session(session: str) -> dict[str, str]:
    return {"id": session}


@app.get("/v1/items")
async def items() -> list[str]:
    return ["lamp", "wick"]


@app.get("/v1/orders")
async def orders() -> list[str]:
    """A bug in the service itself, unrelated to CORS and other services."""
    return {}["orders"]


@app.get("/v1/report")
async def report() -> list[str]:
    """Connects to a PostgreSQL that no file names."""
    import asyncio

    await asyncio.open_connection("127.0.0.1", int(os.environ.get("PGPORT", "5432")))
    return []


@app.get("/noise")
async def noise() -> dict[str, str]:
    """A handled error: it looks bad in the log but is harmless."""
    try:
        raise ConnectionResetError("the visitor closed the page")
    except ConnectionResetError:
        log.exception("ERROR while sending an update; sent again")
    return {"status": "ok"}


@app.get("/leave")
async def leave() -> None:
    log.info("Shutting down")
    sys.stderr.flush()
    os._exit(0)


@app.get("/die")
async def die() -> None:
    import traceback

    try:
        raise MemoryError("the cache cannot grow any further")
    except MemoryError:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(3)


@app.get("/block")
async def block() -> None:
    """Blocks the event loop: the service never answers again."""
    import time

    while True:
        time.sleep(1)


@app.websocket("/ws")
async def live_updates(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive()
