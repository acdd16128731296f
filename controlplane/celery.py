"""The Celery application: messages are mere nudges, PostgreSQL holds the truth about every job."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_ready, worker_shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

app = Celery("lockgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["apps.core"])

log = logging.getLogger("lockgate.worker")
# Slow to import, so a prefork worker does it once, before it forks.
BEFORE_FORK = {"gate": ("apps.dataplane.quality.gx_engine",)}
NAME_OF_ROLE = {"worker": "extract", "publisher": "publish"}


class Keys:
    """Whether this worker has opened its keys; asked at each beat until it has, so a key that is restored is found."""

    def __init__(self) -> None:
        self.open = False
        self.said = ""

    def locked(self) -> bool:
        from apps.dataplane.errors import Locked
        from apps.keys import services as keys

        if not self.open:
            try:
                keys.unlock()
                self.open = True
            except Locked as error:
                self._say(f"locked: {error.sentence} {error.remedy}")
        return not self.open

    def _say(self, sentence: str) -> None:
        if sentence != self.said:
            log.error(sentence)
        self.said = sentence


class Hearing:
    """Ends a worker that has become deaf, so that it is started again.

    When the broker dies at the moment of an acknowledgement, the message stays unacknowledged in this process: it fills
    the prefetch of one for ever, and the worker takes no other message, though it lives and beats.
    """

    STRIKES = 2

    def __init__(self) -> None:
        self.missed = 0

    def listen(self) -> None:
        """Look every few seconds, from a daemon thread."""
        threading.Thread(target=self._go_on, name="hearing", daemon=True).start()

    def _go_on(self) -> None:
        from apps.core import beats

        while True:
            time.sleep(beats.EVERY_SECONDS)
            self.look()

    def look(self) -> None:
        from django.conf import settings
        from django.db import DatabaseError, InterfaceError, connection

        from apps.core import jobs

        try:
            self.missed = self.missed + 1 if jobs.overlooked(settings.LOCKGATE_QUEUE) else 0
        except (DatabaseError, InterfaceError):
            connection.close()
        if self.missed >= self.STRIKES:
            log.error("this worker no longer hears the broker; it ends, to be started again")
            os._exit(1)  # It holds no job; a warm shutdown would wait for the broker.


_keys = Keys()
_state: dict[str, Any] = {}


@worker_init.connect
def prepare(**_: Any) -> None:
    """Make the keys that this class of worker lacks; without its key the worker lives on, locked."""
    from django.conf import settings
    from django.db import DatabaseError, connection

    for module in BEFORE_FORK.get(settings.LOCKGATE.role, ()):
        importlib.import_module(module)
    try:
        _keys.locked()
    except DatabaseError:
        log.warning("the database does not answer yet; the first beat tries again")
    # A connection that is open at the fork would be shared with the children.
    connection.close()


@worker_ready.connect
def begin(**_: Any) -> None:
    """Give signs of life from here on."""
    from django.conf import settings

    from apps.core import beats

    role = settings.LOCKGATE.role
    _state["beats"] = beats.start(NAME_OF_ROLE.get(role, role), role=role, locked=_keys.locked)
    Hearing().listen()
    if role == "general":
        threading.Thread(target=_watch, name="watch", daemon=True).start()


def _watch() -> None:
    """The control process watches everybody else; its own silence is seen from here."""
    from django.db import DatabaseError, InterfaceError, connection

    from apps.watch import services as watch

    mine = watch.of_general()
    while True:
        time.sleep(watch.EVERY_SECONDS)
        try:
            mine.look()
        except (DatabaseError, InterfaceError):
            log.warning("the database did not answer the watch; trying again")
            connection.close()


@worker_shutdown.connect
def end(**_: Any) -> None:
    if "beats" in _state:
        _state["beats"].set()
