"""The backend of Nexus, a small chat: sessions in Redis, answers from `answerer`, live updates."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, Field, ValidationError
from redis.exceptions import RedisError

import answerer
from sessions import Message, Session, Sessions

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
FRONTEND_ORIGIN = os.environ.get("FRONTEND_ORIGIN", "http://localhost:5173")

sessions = Sessions(REDIS_URL)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await sessions.close()


app = FastAPI(title="Nexus", lifespan=lifespan)
# Starlette's own handler of unexpected errors stands outside of this one, as in every FastAPI
# application: a 500 leaves without these headers, and a browser calls that a CORS error. This
# example keeps the trap, since explaining it is what it is for.
app.add_middleware(
    CORSMiddleware,
    allow_origins=[FRONTEND_ORIGIN],
    allow_credentials=True,
    allow_methods=["GET", "POST"],
    allow_headers=["Content-Type"],
)

Id = Annotated[str, Field(min_length=1, max_length=64)]


class NewSession(BaseModel):
    user_id: Id


class ChatMessage(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1, max_length=8_000)


class ChatRequest(BaseModel):
    session_id: Id
    messages: list[ChatMessage] = Field(min_length=1)
    model: str = answerer.MODEL
    stream: Literal[False] = False


class Subscription(BaseModel):
    session_id: Id


@app.get("/v1/health")
async def health() -> dict[str, str]:
    """Whether this process answers. It says nothing about Redis, as so many health checks do."""
    return {"status": "ok"}


@app.post("/v1/sessions/", status_code=201)
async def create_session(new: NewSession) -> Session:
    return await sessions.create(new.user_id)


@app.get("/v1/sessions/{session_id}/history")
async def history(session_id: str) -> dict[str, list[Message]]:
    await must_exist(session_id)
    return {"messages": await sessions.history(session_id)}


@app.post("/v1/chat/completions")
async def complete(request: ChatRequest) -> dict:
    """Answers the last message; both go to the history of the session."""
    question = request.messages[-1]
    if question.role != "user":
        raise HTTPException(422, "the last message must be the user's")
    await must_exist(request.session_id)
    await sessions.say(request.session_id, "user", question.content)
    reply = await sessions.say(request.session_id, "assistant", answerer.answer(question.content))
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answerer.MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply.content},
                "finish_reason": "stop",
            }
        ],
    }


@app.websocket("/ws")
async def live_updates(socket: WebSocket) -> None:
    """Pushes what is said in one session. The client names it first: `{"session_id": "…"}`."""
    await socket.accept()
    try:
        session_id = Subscription.model_validate_json(await socket.receive_text()).session_id
        async with sessions.updates(session_id) as updates:
            await socket.send_json({"type": "subscribed"})
            pushing = asyncio.create_task(push(socket, updates))
            leaving = asyncio.create_task(until_client_leaves(socket))
            try:
                await asyncio.wait({pushing, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if pushing.done():
                    await pushing
            finally:
                pushing.cancel()
                leaving.cancel()
                await asyncio.gather(pushing, leaving, return_exceptions=True)
    except WebSocketDisconnect:
        pass
    except ValidationError:
        await socket.close(1008, "the first message must be {\"session_id\": \"…\"}")
    except RedisError:
        await socket.close(1011, "Redis is not reachable")


async def push(socket: WebSocket, updates: AsyncIterator[Message]) -> None:
    async for message in updates:
        await socket.send_json({"type": "message", "message": message.model_dump()})


async def until_client_leaves(socket: WebSocket) -> None:
    """Reading is what notices that the client, or this server, is on its way out."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def must_exist(session_id: str) -> None:
    if await sessions.find(session_id) is None:
        raise HTTPException(404, "there is no such session")
