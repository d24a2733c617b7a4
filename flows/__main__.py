"""`python -m flows` is `impasto`."""

import sys

from flows.cli import main

sys.exit(main())
