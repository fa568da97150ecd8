"""What subiquity tells while it works: to the journal, and to webhooks as curtin posts them (reporter/handlers.py)."""

import json
import time
import urllib.request
from contextlib import contextmanager

from commands import logs


class Reporting:
    """Posts events, one request each, in this order and without a time limit: who never answers stops the installer."""

    def __init__(self):
        self._endpoints = []

    def start(self, section):
        """section: `reporting`, names to {type, endpoint}. `level` filters nothing for a webhook."""
        self._endpoints = [to["endpoint"] for to in section.values() if to.get("type") == "webhook"]

    def post(self, event):
        result = f"{event['result']}: " if "result" in event else ""
        say(f"{event['event_type']}: {event['name']}: {result}{event['description']}")
        for endpoint in self._endpoints:
            _post(endpoint, event)


def _post(endpoint, event):
    headers = {"Content-Type": "application/json", "User-Agent": "Curtin/23.1.1"}
    request = urllib.request.Request(endpoint, json.dumps(event).encode(), headers)
    try:
        urllib.request.urlopen(request).read()
    except OSError as error:
        say(f"failed posting event: {event['name']} because of: {error}")


def say(text):
    """To journal and console, and to the log that is copied to the target."""
    print(text, flush=True)
    with open(f"{logs}/subiquity-server-debug.log", "a") as log:
        print(text, file=log)


class Context:
    """A stretch of work with a name under its parent's."""

    def __init__(self, reporting, name, description="", level="DEBUG"):
        self._reporting = reporting
        self.name = name
        self._description = description
        self._level = level

    def _tell(self, event_type, description, level, **more):
        event = {"name": self.name, "description": description, "event_type": event_type, "origin": "curtin"}
        self._reporting.post({**event, "timestamp": time.time(), "level": level, **more})

    def warning(self, message):
        self._tell("warning", message, "WARNING")

    @contextmanager
    def child(self, name, description="", level="DEBUG"):
        """Tells its start and its end. With an error inside, its end says what happened, as those of its parents do."""
        inner = Context(self._reporting, f"{self.name}/{name}", description, level)
        with inner.told():
            yield inner

    @contextmanager
    def beside(self, description):
        """curtin gives a step's parts the step's own name: only their descriptions differ."""
        inner = Context(self._reporting, self.name, description)
        with inner.told():
            yield inner

    @contextmanager
    def told(self):
        self._tell("start", self._description, self._level)
        try:
            yield
        except Exception as error:
            self._tell("finish", str(error), "ERROR", result="FAIL")
            raise
        self._tell("finish", self._description, self._level, result="SUCCESS")

    def passing(self, *names, description=""):
        """Tells the start and the end of work that this stand-in does not have, each under the one before."""
        if not names:
            return
        with self.child(names[0], description) as inner:
            inner.passing(*names[1:], description=description)
