"""What a user of kind `instagram` can rely on when nothing goes wrong."""

from __future__ import annotations

from tests.servers.instagram_account import account


def test_every_picture_of_an_account_arrives_as_it_is_there(world):
    shown = world.site.accounts["kah__bane"] = account("kah__bane", 40, sidecars=[3, 30], videos=[7])
    done = world.scrape()
    rows = world.rows()
    expected = [(post, item) for post in shown.shown() for item in range(len(post.items))]
    assert [(row.source_id, row.item) for row in rows.values()] == [(post.code, item) for post, item in expected]
    for (post, item), row in zip(expected, rows.values(), strict=True):
        if post.items[item] == "video":
            assert (row.status, row.reason, row.path) == ("skipped", "video", None)
        else:
            assert row.status == "fetched"
            assert world.bytes_of(row) == post.picture(item)
    assert (done.fetched, done.skipped, done.outcome) == (41, 3, "complete")
