"""Whether the server of this container answers: the exit code is 0 or 1.

A venue without data is no reason to restart a server, so its 503 counts as an answer: alert on ``/health`` and
``/metrics`` for that. So does the 404 of a server with ``--base-url``. Neither curl nor the package is needed, and no
proxy of the environment is used.
"""

import http.client
import os
import sys
from contextlib import closing

TIMEOUT_S = 4


def main() -> int:
    """Ask the server on ``BACKEND_PORT`` for its health and return the exit code."""
    port = os.environ.get("BACKEND_PORT", "8000")
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_S)) as connection:
            connection.request("GET", "/health", headers={"Connection": "close"})
            status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"no answer on port {port}: {error}")
        return 1
    print(f"port {port} answers {status}")
    return 0 if status < 500 or status == 503 else 1


if __name__ == "__main__":
    sys.exit(main())
