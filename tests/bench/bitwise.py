"""Two recorded runs bit by bit: `python -m tests.bench.bitwise OLD NEW [--part] [--verdicts] [--verbose]`.

Every observation of NEW is looked up in OLD by its key; status, dtype, shape, bytes, error and message must be the
same. What differs is listed by case, backend and API, with how far apart the numbers are. NEW may hold a selection of
the cases of OLD; rows of the cases and targets of NEW that only one run has are differences. With --part those that
only OLD has are none: NEW was asked for fewer points or APIs.

--verdicts compares both runs on both axes and lists every verdict, relation and culprit that differs.
Status 0 where nothing differs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.runs import Run
from harness.workers.frames import array_from

KEY = ["case", "point", "dtype", "backend", "device", "mode", "quantity", "api", "input", "output"]
SAID = ["status", "kind", "shape", "data", "error", "message"]
#: How two rows of one key can differ, the gravest first.
HOW = ("only in the old run", "only in the new run", "status", "dtype or shape", "error or message", "nan or infinity",
       "bits", "sign of zero", "payload of nan")


@dataclass(frozen=True)
class Difference:
    """One observation that is not the same in both runs. how: one of HOW. ulp: of "bits", how far apart at most."""

    key: tuple[str, ...]
    how: str
    ulp: float = 0.0
    words: str = ""


def rows(run: Run) -> pd.DataFrame:
    """The observations of a run by key, with what they say."""
    frame = run.observations()[KEY + SAID]
    return frame.astype(dict.fromkeys((*KEY, "status", "kind", "error", "message"), str))


def differences(old: Run, new: Run, part: bool = False) -> Iterator[Difference]:
    """What differs between two runs, in the order of the keys. part: not what only the old one has."""
    before, after = rows(old), rows(new)
    before = before[before["case"].isin(after["case"].unique())]
    for column in ("backend", "dtype", "device", "mode"):
        before = before[before[column].isin(after[column].unique())]
    both = before.merge(after, on=KEY, how="right" if part else "outer", suffixes=("_old", "_new"), indicator=True)
    for row in both.to_dict("records"):
        key = tuple(row[c] for c in KEY)
        if row["_merge"] != "both":
            yield Difference(key, HOW[0] if row["_merge"] == "left_only" else HOW[1])
        elif row["status_old"] != row["status_new"]:
            words = [f"{row[f'status_{w}']}: {row[f'error_{w}']} {row[f'message_{w}'][:60]}" for w in ("old", "new")]
            yield Difference(key, "status", words=" -> ".join(words))
        elif (row["kind_old"], tuple(row["shape_old"])) != (row["kind_new"], tuple(row["shape_new"])):
            yield Difference(key, "dtype or shape", words=f"{row['kind_old']} -> {row['kind_new']}")
        elif (row["error_old"], row["message_old"]) != (row["error_new"], row["message_new"]):
            yield Difference(key, "error or message", words=f"{row['message_old'][:80]} -> {row['message_new'][:80]}")
        elif row["data_old"] != row["data_new"] and isinstance(row["data_old"], bytes):
            yield Difference(key, *apart(
                *(array_from(row["kind_old"], row["shape_old"], row[f"data_{w}"]) for w in ("old", "new"))
            ))


def apart(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> tuple[str, float]:
    """(one of HOW, ulp) for two arrays of one dtype and shape whose bytes differ."""
    if old.dtype.kind not in "fc":
        return "bits", np.inf
    a, b = (np.ascontiguousarray(x).reshape(-1).view(x.real.dtype) for x in (old, new))
    broken = np.isnan(a) != np.isnan(b)
    broken |= (np.isinf(a) | np.isinf(b)) & (a != b)
    if broken.any():
        return "nan or infinity", np.inf
    unequal = (a != b) & ~(np.isnan(a) & np.isnan(b))
    if unequal.any():
        scale = np.spacing(np.maximum(np.abs(a[unequal]), np.abs(b[unequal])))
        return "bits", float(np.max(np.abs(a[unequal] - b[unequal]) / scale))
    if (np.signbit(a) != np.signbit(b))[~np.isnan(a)].any():
        return "sign of zero", 0.0
    return "payload of nan", 0.0


def judged(old: Run, new: Run) -> list[str]:
    """A line for every verdict, relation or culprit that differs between the comparisons of two runs."""
    from harness.comparison import compare

    where = ["case", "point", "dtype", "api", "quantity", "input", "output", "axis", "left", "right"]
    said = ["verdict", "relation", "culprit", "expected", "surprising"]
    found = []
    names = sorted({c.id for c in new.cases})
    for axis in ("backend", "api"):
        frames = []
        for run in (old, new):
            frame = pd.DataFrame(compare([run], axis=axis, select=names))[where + said]
            frames.append(frame.astype(dict.fromkeys((*where, *said), str)))
        both = frames[0].merge(frames[1], on=where, how="outer", suffixes=("_old", "_new"), indicator=True)
        for row in both.to_dict("records"):
            words: Mapping[str, list[str]] = {w: [str(row[f"{c}_{w}"]) for c in said] for w in ("old", "new")}
            if row["_merge"] != "both" or words["old"] != words["new"]:
                told = " -> ".join(", ".join(words[w]) for w in ("old", "new"))
                found.append(f"{' '.join(row[c] for c in where)}: {told}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--part", action="store_true", help="NEW was asked for fewer points or APIs of its cases")
    parser.add_argument("--verdicts", action="store_true", help="compare both and list what is judged otherwise")
    parser.add_argument("--verbose", action="store_true", help="every observation, not every case")
    args = parser.parse_args()
    old, new = Run.open(args.old), Run.open(args.new)
    found = list(differences(old, new, args.part))
    total = new.table().num_rows
    print(f"{len(found)} of {total} observations differ: "
          + (", ".join(f"{n} {how}" for how, n in Counter(d.how for d in found).most_common()) or "none"))
    groups: dict[tuple[str, ...], list[Difference]] = {}
    for d in found:
        case, _, dtype, backend, _, _, quantity, api, *_ = d.key
        groups.setdefault((case, dtype, backend, quantity, api, d.how), []).append(d)
    for group, members in sorted(groups.items()):
        ulp = max(d.ulp for d in members)
        far = f", up to {ulp:.3g} ulp" if ulp else ""
        who = " ".join(w for w in group[:-1] if w)
        print(f"  {who}: {group[-1]} ({len(members)}{far}) {members[0].words}".rstrip())
        if args.verbose:
            for d in members:
                print(f"      {' '.join(w for w in d.key if w)} {d.ulp:.3g} {d.words}")
    verdicts = judged(old, new) if args.verdicts else []
    if args.verdicts:
        print(f"{len(verdicts)} judgements differ" + "".join(f"\n  {line}" for line in verdicts))
    return int(bool(found or verdicts))


if __name__ == "__main__":
    sys.exit(main())
