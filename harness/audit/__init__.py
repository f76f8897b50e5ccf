"""Migration audit: two functions of a user's own, one on torch and its port on JAX; what differs and what to change."""

from harness.audit.answer import Audit
from harness.audit.api import Limits, audit, compare_gradients
from harness.audit.faults import AuditError, SideFault
from harness.audit.result import Check, ParameterRow, StepRow, Suggestion, ValueRow
from harness.audit.state import Options
from harness.audit.watch import Watch

__all__ = [
    "Audit", "AuditError", "Check", "Limits", "Options", "ParameterRow", "SideFault", "StepRow", "Suggestion",
    "ValueRow", "Watch", "audit", "compare_gradients",
]
