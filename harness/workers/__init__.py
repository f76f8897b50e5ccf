"""The ground of every worker process: bytes, frames and processes. Nothing here knows a case or a run."""
