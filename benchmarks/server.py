"""Load on a server of our own, on this machine: requests a second, and how long they take.

    python benchmarks/server.py [--clients 8] [--requests 500] [--json]

Starts ``mnistlab serve``, sends the same picture from several clients that each wait for their answer, and stops it.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import queue
import subprocess
import sys
import threading
import time

import numpy as np
from PIL import Image

BOUNDARY = "picture"


def main() -> int:
    """Measure and print; return 1 if a request failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=8, help="that ask at the same time (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=500, help="in all (default: %(default)s)")
    parser.add_argument("--side", type=int, default=280, help="of the square picture, pixels (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    if min(options.clients, options.requests, options.side - 27) < 1:
        parser.error("clients and requests must be positive, and the side at least 28")
    command = [sys.executable, "-m", "mnistlab", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline().split("/ (")[0].rpartition(":")[2])
            result = load(port, picture(options.side), options.clients, options.requests)
        finally:
            server.terminate()
    if options.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['requests']} requests from {result['clients']} clients: {result['requests_per_second']:.0f} a "
            f"second, median {result['p50_ms']:.1f} ms, 99 % under {result['p99_ms']:.1f} ms, {result['errors']} errors"
        )
    return int(result["errors"] > 0)


def picture(side: int) -> bytes:
    """Return a form with a PNG file of a 1."""
    pixels = np.full((side, side), 255, np.uint8)
    pixels[side // 5 : -side // 5, 9 * side // 20 : 11 * side // 20] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="one.png"\r\n\r\n'
    return head.encode() + file.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()


def load(port: int, body: bytes, clients: int, requests: int) -> dict[str, float]:
    """Return what was measured; each client keeps one connection."""
    tasks: queue.SimpleQueue[int] = queue.SimpleQueue()
    seconds: list[float] = []
    errors: list[object] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        while True:
            try:
                tasks.get_nowait()
            except queue.Empty:
                break
            start = time.perf_counter()
            try:
                connection.request("POST", "/predict", body, headers)
                answer = connection.getresponse()
                content = json.loads(answer.read())
                if answer.status != 200 or content["digit"] not in range(10):
                    errors.append(content)
            except (OSError, http.client.HTTPException, ValueError) as error:
                errors.append(error)
                connection.close()
            seconds.append(time.perf_counter() - start)
        connection.close()

    for task in range(requests):
        tasks.put(task)
    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = time.perf_counter() - start
    p50, p99 = 1000 * np.quantile(seconds, (0.5, 0.99))
    return {
        "requests": requests,
        "clients": clients,
        "seconds": total,
        "requests_per_second": requests / total,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "errors": len(errors),
    }


if __name__ == "__main__":
    sys.exit(main())
