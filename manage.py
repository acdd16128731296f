#!/usr/bin/env python3
"""Lockgate's one entry point: sets itself up with the standard library alone, then runs the command asked for."""

import os
import sys

# Must stay readable to any Python 3, so that an unsupported one gets a sentence instead of a syntax error.
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    version = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        "Lockgate needs Python 3.11, 3.12 or 3.13, and this is Python " + version + ": start it with one of these, "
        "for example `python3.12 manage.py up --demo`."
    )

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from controlplane import bootstrap

if __name__ == "__main__":
    sys.exit(bootstrap.main(sys.argv))
