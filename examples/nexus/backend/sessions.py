"""Sessions and what was said in them, kept in Redis."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

_KEPT_FOR = 24 * 60 * 60  # seconds


class Message(BaseModel):
    id: str
    role: str
    content: str
    created: int


class Session(BaseModel):
    id: str
    user_id: str
    created: int


class Sessions:
    def __init__(self, url: str) -> None:
        # A person waits at the other end: an error now is worth more than an answer after retries.
        # One retry, at once, is for a kept connection to a Redis that has been restarted.
        retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=2,
            socket_timeout=2,
            retry=retry,
        )
        # Waiting for the next message is no error, however long it takes.
        self._listener = Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=2,
            socket_timeout=None,
            retry=retry,
        )

    async def close(self) -> None:
        await self._redis.aclose()
        await self._listener.aclose()

    async def create(self, user_id: str) -> Session:
        session = Session(id=uuid.uuid4().hex, user_id=user_id, created=int(time.time()))
        await self._redis.set(_key(session.id), session.model_dump_json(), ex=_KEPT_FOR)
        return session

    async def find(self, session_id: str) -> Session | None:
        found = await self._redis.get(_key(session_id))
        return Session.model_validate_json(found) if found else None

    async def history(self, session_id: str) -> list[Message]:
        """What was said, oldest first."""
        lines = await self._redis.lrange(_messages(session_id), 0, -1)
        return [Message.model_validate_json(line) for line in lines]

    async def say(self, session_id: str, role: str, content: str) -> Message:
        """Adds a message to the history and pushes it to everyone who listens."""
        message = Message(id=uuid.uuid4().hex, role=role, content=content, created=int(time.time()))
        line = message.model_dump_json()
        async with self._redis.pipeline(transaction=True) as all_or_nothing:
            all_or_nothing.rpush(_messages(session_id), line)
            all_or_nothing.expire(_messages(session_id), _KEPT_FOR)
            all_or_nothing.expire(_key(session_id), _KEPT_FOR)
            all_or_nothing.publish(_updates(session_id), line)
            await all_or_nothing.execute()
        return message

    @asynccontextmanager
    async def updates(self, session_id: str) -> AsyncIterator[AsyncIterator[Message]]:
        """New messages as they are said. None is missed once the context has been entered."""
        async with self._listener.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(_updates(session_id))
            yield _messages_of(channel)


async def _messages_of(channel) -> AsyncIterator[Message]:
    async for event in channel.listen():
        yield Message.model_validate_json(event["data"])


def _key(session_id: str) -> str:
    return f"session:{session_id}"


def _messages(session_id: str) -> str:
    return f"session:{session_id}:messages"


def _updates(session_id: str) -> str:
    return f"session:{session_id}:updates"
