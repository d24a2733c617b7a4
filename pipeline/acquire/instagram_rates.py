"""Instaloader's rate windows, kept in the ledger: they hold over restarts and for every run on the data.

Per type of query 200 in 11 minutes (75 of those that are not GraphQL), and 275 GraphQL queries in 10 minutes.
"""

from __future__ import annotations

import instaloader

from pipeline.acquire.client import Client

HOST = "www.instagram.com"

_TYPE_WINDOW_S = 660 + 6  # the spare seconds are instaloader's own
_GRAPHQL_WINDOW_S = 600
_GRAPHQL_LIMIT = 275


def kind_of(query_type: str) -> str:
    """What the ledger calls instaloader's type of query: a GraphQL document's number, `other` or `iphone`."""
    return query_type if query_type in {"other", "iphone"} else f"graphql:{query_type}"


class LedgerRates(instaloader.RateController):
    """Waits before a query; the client that sends the query then writes it into the ledger."""

    def __init__(self, context: instaloader.InstaloaderContext, client: Client) -> None:
        super().__init__(context)
        self._client = client

    def sleep(self, secs: float) -> None:
        self._client.wait(HOST, secs)

    def query_waittime(
        self,
        query_type: str,
        current_time: float,  # noqa: ARG002 (the ledger has its own clock)
        untracked_queries: bool = False,  # noqa: ARG002 (the base class's)
    ) -> float:
        kind, limit = kind_of(query_type), self.count_per_sliding_window(query_type)
        wait_s = self._client.ledger.wait_needed(HOST, kind, limit, _TYPE_WINDOW_S)
        if kind.startswith("graphql:"):
            all_kinds_s = self._client.ledger.wait_needed(
                HOST, "graphql:*", _GRAPHQL_LIMIT, _GRAPHQL_WINDOW_S
            )
            wait_s = max(wait_s, all_kinds_s)
        return wait_s

    def wait_before_query(self, query_type: str) -> None:
        if wait_s := self.query_waittime(query_type, 0.0):
            self.sleep(wait_s)

    def handle_429(self, query_type: str) -> None:
        """Nothing is left to do: the client has waited as long as the server said."""
