"""A counter that works are added to."""

import os

from flask import Flask
from redis import Redis

from tasks import count

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:16379/0")

app = Flask(__name__)
store = Redis.from_url(REDIS_URL)


@app.get("/health")
def health():
    store.ping()
    return {"status": "ok"}


@app.post("/counts")
def add():
    count.delay()
    return {"counted": True}, 202


@app.get("/counts")
def counts():
    return {"counts": int(store.get("counts") or 0)}


if __name__ == "__main__":
    app.run(port=15000)
