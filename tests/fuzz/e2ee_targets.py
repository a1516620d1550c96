"""All targets of `careseal.e2ee`."""

from __future__ import annotations

from tests.fuzz import e2ee_calls, e2ee_claims, e2ee_doors, e2ee_log, e2ee_storage

TARGETS = (
    *e2ee_claims.TARGETS,
    *e2ee_log.TARGETS,
    *e2ee_doors.TARGETS,
    *e2ee_calls.TARGETS,
    *e2ee_storage.TARGETS,
)
