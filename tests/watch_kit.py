"""A cluster's watch that says what a test tells it to; for the tests of what is remembered of a cluster."""

import queue
from collections.abc import Iterator

from tidegate.cluster.port import Change, Listing, Resource
from tidegate.model import TidegateError


class Scripted:
    """Lists from `listings`, then watches that give what a test puts in; an error ends one, so does None."""

    def __init__(self, *listings: Listing | TidegateError) -> None:
        self.listings = list(listings)
        self.events: queue.Queue[Change | TidegateError | None] = queue.Queue()
        self.since: queue.Queue[str] = queue.Queue()

    def listing(self, _resource: Resource) -> Listing:
        found = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
        if isinstance(found, TidegateError):
            raise found
        return found

    def follow(self, _resource: Resource, *, since: str) -> Iterator[Change]:
        self.since.put(since)
        while True:
            event = self.events.get(timeout=60)
            if isinstance(event, TidegateError):
                raise event
            if event is None:
                return
            yield event
