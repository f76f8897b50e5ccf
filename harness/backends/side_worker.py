"""The worker of an audit: one process, one side. Control goes through frames, arrays through files of one folder.

    python -m harness.backends.side_worker --backend torch|jax --device cpu --in FD --out FD

Standard output and error belong to the user's code; the coordinator drains them. Every request gets one answer,
"done" or "failed"; "step" frames say what is being done, so that a death or a hang can be named.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.side.base import AuditSide
from harness.backends.side.binding import Source
from harness.backends.side.faults import AuditFault
from harness.backends.side.recording import Recorder
from harness.backends.side.values import Evaluation
from harness.wirtinger import Array
from harness.workers.frames import Frame, pack
from harness.workers.serving import Sender, harden, receive


def make_side(family: str) -> AuditSide:
    """The side of a framework, which is imported."""
    if family == "torch":
        from harness.backends.torch.side import TorchSide

        return TorchSide()
    from harness.backends.jax.side import JaxSide

    side = JaxSide()
    side.received = as_plain
    return side


def main(argv: Sequence[str] | None = None) -> int:
    """Answer requests until told to stop."""
    parser = argparse.ArgumentParser(prog="harness audit worker")
    parser.add_argument("--backend", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--in", dest="source", type=int, required=True)
    parser.add_argument("--out", dest="sink", type=int, required=True)
    args = parser.parse_args(argv)
    harden(args.source, args.sink)
    inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(args.source, inbox), daemon=True).start()
    sender = Sender(args.sink)

    def send(header: Mapping[str, Any]) -> None:
        sender(pack(header))

    server = Server(args.backend, send)
    with contextlib.suppress(AuditFault, ImportError):  # before it is asked, while the other side does; said when asked
        server.begin()
    while True:
        frame = inbox.get()
        if frame.header["m"] == "bye":
            return 0
        try:
            send({"m": "done", "data": server.answer(frame.header)})
        except AuditFault as fault:
            send({"m": "failed", "word": fault.word, "sentence": fault.sentence, "detail": fault.detail})
        except ImportError as error:
            send({"m": "failed", "word": "absent", "sentence": f"{args.backend} cannot be imported: {error}",
                  "detail": ""})


class Server:
    """Requests as mappings of plain data and file names; answers likewise."""

    def __init__(self, family: str, send: Any) -> None:
        self.family, self.send = family, send
        self._side: AuditSide | None = None
        self._recorder: Recorder | None = None
        self._count = 0
        self.folder = Path()

    def begin(self) -> None:
        """Import the framework. Raises ImportError."""
        assert self.side is self._side

    @property
    def side(self) -> AuditSide:
        if self._side is None:
            self.send({"m": "step", "step": "importing the framework"})
            self._side = make_side(self.family)
            self._side.seed_all()
            self._side.announce = lambda step: self.send({"m": "step", "step": step})
        return self._side

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is to be said to one request. Raises AuditFault."""
        self.folder = Path(request["folder"])
        answer: dict[str, Any] = getattr(self, "do_" + request["m"])(request)
        return answer

    def do_read(self, request: Mapping[str, Any]) -> dict[str, Any]:
        from harness.backends.torch.side import read_state

        self.side.announce("reading the file")
        return {"arrays": self._put_all(read_state(request["file"]))}

    def do_load(self, request: Mapping[str, Any]) -> dict[str, Any]:
        sources = [
            Source(s["argument"], self._get_all(s["arrays"]) if s["arrays"] is not None else None, s["function"],
                   nest=s["nest"])
            for s in request["sources"]
        ]
        leaves = self.side.load(
            request["target"], sources, path=request["path"], precision=request["precision"],
            constant=request["constant"], seed=request["seed"],
        )
        return {
            "versions": self.side.versions(), "raw_sign": self.side.raw_sign, "unused": self.side.unused,
            "keywords": self.side.keywords,
            "leaves": [
                [leaf.name, leaf.argument, leaf.differentiate, None if leaf.array is None else self._put(leaf.array),
                 leaf.half]
                for leaf in leaves
            ],
        }

    def do_files(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"files": sources()}

    def do_replace(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.side.replace(self._get_all(request["arrays"]))
        return {}

    def do_widen(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.side.widen(request["wide"])
        self._recorder = None
        return {}

    def do_gradient(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found: Evaluation = self.side.gradient(repeat=request["repeat"], silent=request.get("silent", ()))
        return {
            "outputs": self._put_all(found.outputs), "gradients": self._put_all(found.gradients),
            "unsteady": found.unsteady, "unsteady_where": found.unsteady_where, "mutated": list(found.mutated),
            "tapped": found.tapped, "notes": list(found.notes),
            "silent": list(found.silent), "half": found.half,
        }

    def do_taps(self, request: Mapping[str, Any]) -> dict[str, Any]:
        held = ("value", "gradient")
        found = self.side.taps(request["connections"])
        return {"taps": [{**vars(t), **self._put_all({k: getattr(t, k) for k in held})} for t in found]}

    def do_trace(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"calls": [{**c, "elements": self._put(c["elements"])} for c in self.side.trace()]}

    def do_padded(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"padded": self.side.padded()}

    def do_iterates(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"iterates": self.side.iterates()}

    def do_narrow(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"narrow": [[n.file, n.line, n.dtype, n.text] for n in self.side.narrow()]}

    def do_elements(self, request: Mapping[str, Any]) -> dict[str, Any]:
        functions = [(kind, text, argument, np.load(file)) for kind, text, argument, file in request["functions"]]
        return {"seen": [f if "message" in f else self._put_all(f) for f in self.side.elements(functions)]}

    def do_transformed(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"outputs": self._put_all(self.side.transformed(request["what"]))}

    def do_differences(self, request: Mapping[str, Any]) -> dict[str, Any]:
        directions = [self._get_all(d) for d in request["directions"]]
        found = self.side.differences(directions, request["curves"], request["jumps"], request["rough"])
        return {"differences": [asdict(d) for d in found]}

    def do_along(self, request: Mapping[str, Any]) -> dict[str, Any]:
        direction = self._get_all(request["direction"])
        return {"values": self.side.along(direction, request["steps"], request["curves"])}

    def do_expressions(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"expressions": self.side.expressions(request["variables"])}

    def do_step(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"updates": self._put_all(self.side.step(request["target"]))}

    def do_record(self, request: Mapping[str, Any]) -> dict[str, Any]:
        from harness.backends.side.recording import plain

        replace = {int(i): np.load(file) for i, file in request["replace"]}
        number, found = self.recorder.record(replace, request["gradients"])
        return {"number": number, "steps": [plain(s) for s in found.steps], "outputs": self._put_all(found.outputs),
                "notes": found.notes,
                "cotangents": self._put_all({str(k): c for k, c in enumerate(self.side._cotangents)})}

    def do_recorded(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found = self.recorder.arrays(request["number"], request["ids"])
        return {"arrays": [[i, *self._put_all({"v": v, "c": c}).values()] for i, (v, c) in found.items()]}

    def do_rerun(self, request: Mapping[str, Any]) -> dict[str, Any]:
        replace = {int(i): np.load(file) for i, file in request["replace"]}
        factors = {int(i): float(f) for i, f in request.get("factors", ())}
        outputs, values = self.recorder.probe(replace, request["ids"], factors)
        return {"outputs": self._put_all(outputs), "values": [[i, self._put(v)] for i, v in values.items()]}

    def do_options(self, request: Mapping[str, Any]) -> dict[str, Any]:
        replace = {int(i): np.load(file) for i, file in request["replace"]}
        found = self.recorder.options(replace, request["id"])
        return {"options": [[what, fix, self._put(value)] for what, fix, value in found]}

    @property
    def recorder(self) -> Recorder:
        if self._recorder is None:
            self._recorder = Recorder(self.side)
        return self._recorder

    # -- arrays --------------------------------------------------------------------------------------------------------

    def _put(self, array: Array) -> str:
        self._count += 1
        path = self.folder / f"{self.family}-{self._count}.npy"
        np.save(path, array, allow_pickle=False)
        return str(path)

    def _put_all(self, arrays: Mapping[str, Array | None]) -> dict[str, str | None]:
        return {name: None if array is None else self._put(array) for name, array in arrays.items()}

    def _get_all(self, files: Mapping[str, str]) -> dict[str, Array]:
        return {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in files.items()}


def sources() -> list[str]:
    """The files of the user's modules: those that come neither from a folder of installed packages nor from here."""
    import sysconfig

    places = {Path(p or ".").resolve() for p in (*sys.path, *sysconfig.get_paths().values())}
    packages = [p for p in places if p.is_dir() and (any(p.glob("*.dist-info")) or (p / "site.py").is_file())]
    packages.append(Path(__file__).resolve().parents[1])
    found = {Path(file).resolve() for m in list(sys.modules.values()) if (file := getattr(m, "__file__", None))}
    return sorted(str(f) for f in found if f.suffix == ".py" and not any(f.is_relative_to(p) for p in packages))


def as_plain(tree: Any) -> Any:
    """A tree with torch's tensors as NumPy arrays and its modules as their state; everything else as it is.

    Where torch was not imported the tree holds nothing of torch's.
    """
    if "torch" not in sys.modules:
        return tree
    from harness.backends.side.tree import State, flatten, standard
    from harness.backends.torch.side import TorchSide

    side = TorchSide()
    ours = (side.torch.Tensor, side.torch.nn.Module)

    def plain(node: Any) -> Any:
        if isinstance(node, side.torch.nn.Module):
            held = (*node.named_parameters(), *node.named_buffers())
            return State((name, side.as_numpy(tensor)) for name, tensor in held)
        return side.as_numpy(node) if isinstance(node, side.torch.Tensor) else node

    leaves, rebuild = flatten(tree, "", lambda node: None if isinstance(node, ours) else standard(node))
    return rebuild(iter([plain(value) for _, value in leaves]))


if __name__ == "__main__":
    sys.exit(main())
