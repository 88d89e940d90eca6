"""A FastAPI application with all settings that the tests need, each under its own path."""

import sys

import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Response, WebSocket, WebSocketException
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount

PAGE = "http://localhost:5173"

router = APIRouter()


@router.api_route("/items", methods=["GET", "POST", "PUT"])
def items():
    return {"items": [1, 2]}


@router.api_route("/fail", methods=["GET", "POST"])
def fail():
    raise ConnectionError("Error 111 connecting to localhost:6379. Connection refused.")


@router.api_route("/login", methods=["GET", "POST"])
def login():
    raise HTTPException(401, "who are you?")


@router.post("/slash/")
def slash():
    return {"slash": True}


@router.get("/longer")
def longer():
    return Response(b"longer than that", headers={"Content-Length": "6"})


@router.get("/shorter")
def shorter():
    return Response(b"short", headers={"Content-Length": "600"})


@router.websocket("/ws")
async def accepts(socket: WebSocket):
    await socket.accept()
    await socket.close()


@router.websocket("/ws/chat")
async def speaks_chat(socket: WebSocket):
    await socket.accept(subprotocol="chat.v2")
    await socket.close()


@router.websocket("/ws/closed")
async def closes_at_once(socket: WebSocket):
    await socket.close(1008)


@router.websocket("/ws/forbidden")
async def forbids(socket: WebSocket):
    raise HTTPException(403, "no token")


@router.websocket("/ws/policy")
async def minds(socket: WebSocket):
    raise WebSocketException(1008, "no token")


def app(cors=None, outermost=None):
    made = FastAPI()
    made.include_router(router)
    if cors is not None:
        made.add_middleware(CORSMiddleware, **cors)
    if outermost is not None:
        made.add_middleware(outermost)
    return made


class Doorkeeper:
    """Rejects every request without a token, including preflights and WebSockets."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        await JSONResponse({"detail": "no token"}, 401)(scope, receive, send)


GOOD = {
    "allow_origins": [PAGE],
    "allow_credentials": True,
    "allow_methods": ["*"],
    "allow_headers": ["*"],
}

application = Starlette(
    routes=[
        Mount("/good", app(GOOD)),
        Mount("/none", app()),
        Mount("/guarded", app(GOOD, Doorkeeper)),
        Mount("/methods", app({**GOOD, "allow_methods": ["GET"]})),
        Mount("/headers", app({**GOOD, "allow_headers": []})),
        Mount("/anonymous", app({**GOOD, "allow_credentials": False})),
        Mount("/anyone", app({"allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*"]})),
        Mount("/other-name", app({**GOOD, "allow_origins": ["http://127.0.0.1:5173"]})),
        Mount("/stranger", app({**GOOD, "allow_origins": ["http://localhost:3000"]})),
        Mount("/shy", app({"allow_origins": ["http://localhost:3000"]})),
    ]
)

if __name__ == "__main__":
    uvicorn.run(application, host="127.0.0.1", port=0, ws=sys.argv[1])
