"""Runs published test vectors: the MLS working group's files for RFC 9420, and X-Wing's.

`python -m careseal.mls.vectors FILE...` prints each file's count and closes with one line
`N passed, N failed`; it exits with 1 if any failed.
"""

from .runner import Outcome, run_cases, run_file

__all__ = ["Outcome", "run_cases", "run_file"]
