"""What is done in the background."""

import os

from celery import Celery
from redis import Redis

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:16379/0")

celery = Celery("tasks", broker=REDIS_URL)


@celery.task
def count():
    Redis.from_url(REDIS_URL).incr("counts")
