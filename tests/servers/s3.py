"""An S3 server of this machine (moto's), with one bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

BUCKET = "pictures"


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """Gives the environment by which S3's clients find it."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()  # its servers share what they hold
        s3fs.S3FileSystem.clear_instance_cache()  # of those that knew an earlier server
        s3fs.S3FileSystem(key="test", secret="test", endpoint_url=url).mkdir(BUCKET)
        yield {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
        }
    finally:
        server.stop()
