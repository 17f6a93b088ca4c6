"""The program: AMQP_URL and DATABASE_URL from the environment, and a stop on SIGTERM or Ctrl-C."""

import logging
import os
import signal
import sys

from .service import Service
from .steps import PART


def main() -> int:
    """Runs until it is asked to stop; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    missing = [name for name in ("AMQP_URL", "DATABASE_URL") if not os.environ.get(name)]
    if missing:
        print(f"error: set {' and '.join(missing)}", file=sys.stderr)
        return 2
    service = Service(PART, os.environ["AMQP_URL"], os.environ["DATABASE_URL"])
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: service.stop())
    service.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
