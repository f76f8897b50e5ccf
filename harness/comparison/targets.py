"""Who observed: the targets of recorded runs, as their headers describe them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.comparison.errors import CompareError
from harness.wirtinger import Api

#: The backend whose results are evidence, not a framework's.
REFERENCE = "reference"
#: The backends that come with this package: known differences are stated of what all of them were seen to do.
BROUGHT = ("torch.autograd", "torch.func", "jax", REFERENCE)

#: In each framework's own words, the same kind of hardware.
_DEVICE_CLASS = {"gpu": "gpu", "cuda": "gpu", "rocm": "gpu"}


@dataclass(frozen=True)
class Target:
    """One backend on one device in one mode in one environment, in one of the runs that are compared."""

    run: int
    backend: str
    device: str
    mode: str
    environment: str
    default_mode: str = ""
    versions: Mapping[str, str] = field(default_factory=dict, hash=False)
    flags: Mapping[str, str] = field(default_factory=dict, hash=False, kw_only=True)
    apis: tuple[Api, ...] = ()
    run_name: str = ""
    interpreter: str = ""  # of the environment; empty is the coordinator's own
    complete: bool = True  # whether its run was finished
    described: bool = True  # False: rows exist, the header does not speak of them

    @property
    def home(self) -> tuple[int, str]:
        """The run and the environment that this backend shares with others (`environment` names its own release)."""
        return self.run, self.interpreter

    @property
    def family(self) -> str:
        """The framework: "torch" of torch.autograd and torch.func."""
        return self.backend.partition(".")[0]

    @property
    def common_mode(self) -> str:
        """"default" for the backend's default mode, whatever it is called there."""
        return "default" if self.mode == self.default_mode else self.mode

    @property
    def device_class(self) -> str:
        """"cpu", "gpu", "tpu", ...: "cuda:0" and "gpu:0" are the same kind of hardware."""
        word = self.device.partition(":")[0].lower()
        return _DEVICE_CLASS.get(word, word)

    @property
    def version(self) -> str:
        """The version of the first package that the backend names, e.g. "2.13.0+cpu"; "" where unknown."""
        for package in (self.family, *self.versions):
            if package in self.versions:
                return str(self.versions[package])
        return ""

    def api(self, name: str) -> Api | None:
        return next((a for a in self.apis if a.name == name), None)


def targets_of(header: Mapping[str, Any], run: int, name: str = "") -> list[Target]:
    """The targets of a run's header that could be run: header["targets"], mappings with backend, device and mode.

    apis: [name, question, kind, sign] each.  A header that does not name the default mode has it listed first.
    Raises CompareError where that is not so.
    """
    found: list[Target] = []
    first: dict[str, str] = {}
    for entry in header.get("targets", ()):
        try:
            if entry.get("failed"):
                continue
            backend, mode = str(entry["backend"]), str(entry["mode"])
            default = str(entry.get("default_mode") or first.setdefault(backend, mode))
            apis = tuple(_api(a) for a in entry.get("apis") or ())
            versions = {str(k): str(v) for k, v in (entry.get("versions") or {}).items()}
            found.append(
                Target(
                    run, backend, str(entry["device"]), mode, str(entry.get("environment", "")), default, versions,
                    apis, name, str(entry.get("interpreter") or ""),
                    flags={str(k): str(v) for k, v in (entry.get("flags") or {}).items()},
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CompareError(f"run {name or run}: a target of its header is not understood: {error!r}") from error
    return found


def _api(entry: Any) -> Api:
    if isinstance(entry, Api):
        return entry
    if isinstance(entry, Mapping):
        return Api(entry["name"], entry["question"], entry["kind"], int(entry.get("sign", 1)))
    name, question, kind, sign = entry
    return Api(name, question, kind, int(sign))


def match_targets(listed: Iterable[Target], rows: Iterable[tuple[int, str, str, str, str]]) -> list[Target]:
    """One target for each (run, backend, device, mode, environment) found in the rows, plus those listed without rows.

    A combination that no header describes is kept, without versions and APIs, in its default mode.
    """
    known = {(t.run, t.backend, t.device, t.mode, t.environment): t for t in listed}
    for key in rows:
        if key not in known:
            known[key] = Target(*key, default_mode=key[3], described=False)
    return sorted(known.values(), key=lambda t: (t.run, t.backend == REFERENCE, t.backend, t.device, t.mode,
                                                 t.environment))
