"""Compares versions with PEP 440's library.

Reads a JSON list of pairs from standard input and prints a list of -1, 0 and 1.
"""

import json
import sys

from packaging.version import Version


def compare(a: str, b: str) -> int:
    first, second = Version(a), Version(b)
    return (first > second) - (first < second)


print(json.dumps([compare(a, b) for a, b in json.load(sys.stdin)]))
