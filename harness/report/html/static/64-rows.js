// Two long lists: functions (one line each, by the worst of its comparisons) and comparisons (one line a row).

const ROW_COLUMNS = [
  ["verdict", "Verdict", "verdict"], ["case", "Function", "case"], ["point", "Point", "point"], ["dtype", "dtype", "dtype"],
  ["what", "Question", "api"], ["pair", "Left ↔ right", "pair"], ["relation", "Raw", "relation"],
  ["culprit", "Culprit", "culprit"], ["max_rel", "Max rel", "-max_rel"], ["ulp", "ulp", "-ulp"], ["flags", "Flags", "-surprising"],
];

function headerRow(columns, current, sortable, className) {
  return el("div", { role: "row", class: "vrow vhead " + className, "aria-rowindex": "1" }, columns.map(([name, title, sort]) => {
    if (!sortable || !sort) return el("span", { role: "columnheader", class: "c-" + name }, title);
    const on = current.replace(/^-/, "") === sort.replace(/^-/, "");
    const direction = !on ? null : current.startsWith("-") ? "descending" : "ascending";
    const next = !on ? sort : current === sort ? (sort.startsWith("-") ? sort.slice(1) : "-" + sort) : "";
    return el("span", { role: "columnheader", class: "c-" + name, "aria-sort": direction },
      el("button", { type: "button", class: "sort", onclick: () => changeFilter({ ...readFilter(route().params), sort: next }, false) },
        title, on ? el("span", { "aria-hidden": "true" }, direction === "ascending" ? " ↑" : " ↓") : null));
  }));
}

function rowsPage() {
  const bar = makeFilterBar(changeFilter);
  let rows = new Uint32Array(0);
  const head = el("div", { class: "headslot", role: "none" });
  const list = makeList({
    label: "Comparisons", header: head,
    makeRow: (i) => comparisonRow(rows[i]),
    open: (i) => { location.hash = rowLink(rows[i]); },
  });
  const note = el("p", { class: "print-note" });
  const node = el("div", { class: "page" }, el("h1", { tabindex: "-1", id: "page-title" }, "Comparisons"), bar.node, list.node, note);
  return {
    node,
    update(r) {
      const filter = readFilter(r.params);
      bar.update(filter);
      const started = performance.now();
      rows = select(filter);
      head.replaceChildren(headerRow(ROW_COLUMNS, filter.sort, true, "cmp"));
      bar.result.textContent = resultText(rows);
      note.textContent = rows.length > 200 ? `The first 200 of ${count(rows.length)} rows are printed.` : "";
      list.setLength(rows.length);
      if (!rows.length) head.replaceChildren(el("p", { class: "empty" }, "Nothing matches. Remove a filter above."));
      performance.measure("filter", { start: started, end: performance.now() });
    },
  };
}

function rowLink(row) {
  return caseLink(cell("case", row), cell("point", row), cell("dtype", row));
}

function question(row) {
  const api = cell("api", row), quantity = cell("quantity", row);
  const left = api.indexOf(" | ");
  const shown = left >= 0 && api.slice(0, left) === api.slice(left + 3) ? api.slice(0, left) : api;
  return quantity === "raw" || quantity === "differential" && shown ? shown : `${quantity}${shown ? " · " + shown : ""}`;
}

function comparisonRow(row) {
  const culprit = cell("culprit", row), evidence = cell("evidence", row);
  const flags = [];
  if (DB.columns.surprising[row]) flags.push(el("span", { class: "flag flag-surprising" }, "surprising"));
  if (cell("expected", row)) flags.push(el("span", { class: "flag", title: cell("expected", row).slice(0, 500) }, "expected"));
  if (isBlind(cell("blind", row))) flags.push(el("span", { class: "flag", title: "cannot tell: " + cell("blind", row) }, "blind"));
  const io = [cell("input", row), cell("output", row)].filter(Boolean).join(" → ");
  const relation = cell("relation", row);
  return el("div", { class: "vrow cmp" },
    el("span", { role: "gridcell", class: "c-verdict" }, verdictChip(row)),
    el("span", { role: "gridcell", class: "c-case" }, el("a", { href: rowLink(row), tabindex: "-1" }, txt(cell("case", row), 80))),
    el("span", { role: "gridcell", class: "c-point" }, txt(cell("point", row), 60)),
    el("span", { role: "gridcell", class: "c-dtype" }, txt(cell("dtype", row), 20)),
    el("span", { role: "gridcell", class: "c-what" }, txt(question(row), 60), io ? el("span", { class: "dim io" }, " ", txt(io, 40)) : null),
    el("span", { role: "gridcell", class: "c-pair" }, txt(cell("pair", row), 90)),
    el("span", { role: "gridcell", class: "c-relation" }, relation && relation !== "none" ? txt(relation, 30) : ""),
    el("span", { role: "gridcell", class: "c-culprit", title: evidence ? "evidence: " + evidence : null }, culprit ? txt(culprit, 30) : ""),
    el("span", { role: "gridcell", class: "c-max_rel num" }, number(DB.columns.max_rel[row])),
    el("span", { role: "gridcell", class: "c-ulp num" }, number(DB.columns.ulp[row])),
    el("span", { role: "gridcell", class: "c-flags" }, flags));
}

const isBlind = (word) => word !== "" && word !== "False" && word !== "none";

const FUNCTION_COLUMNS = [
  ["verdict", "Outcome", "outcome"], ["case", "Function", "case"], ["family", "Family", "family"], ["worst", "Verdicts", "-wrong"],
  ["points", "Points", "-points"], ["rows", "Comparisons", "-rows"],
];
// What functions are sorted by; of equal ones the worst outcome, then the name.
const FUNCTION_ORDER = {
  outcome: (a, b) => DB.caseOutcome[a.c] - DB.caseOutcome[b.c],
  case: (a, b) => a.id.localeCompare(b.id),
  family: (a, b) => DB.families[DB.caseFamily[a.c]].localeCompare(DB.families[DB.caseFamily[b.c]]),
  wrong: (a, b) => a.wrong - b.wrong, points: (a, b) => a.points - b.points, rows: (a, b) => a.total - b.total,
};

function functionsPage() {
  const bar = makeFilterBar(changeFilter);
  let items = [];
  const head = el("div", { class: "headslot", role: "none" });
  const list = makeList({
    label: "Functions", header: head,
    makeRow: (i) => functionRow(items[i]),
    open: (i) => { location.hash = caseLink(items[i].id); },
  });
  const empty = el("p", { class: "empty", hidden: true }, "Nothing matches. Remove a filter above.");
  const node = el("div", { class: "page" }, el("h1", { tabindex: "-1", id: "page-title" }, "Functions"), bar.node, list.node, empty);
  return {
    node,
    update(r) {
      const filter = readFilter(r.params);
      bar.update(filter);
      const rows = select({ ...filter, sort: "" });
      items = groupByCase(rows);
      const by = FUNCTION_ORDER[filter.sort.replace(/^-/, "")], sign = filter.sort.startsWith("-") ? -1 : 1;
      if (by) items.sort((a, b) => sign * by(a, b)); // stable: the order of groupByCase among equals
      head.replaceChildren(headerRow(FUNCTION_COLUMNS, by ? filter.sort : "", true, "fun"));
      bar.result.textContent = `${plural(items.length, "function")} of ${count(DB.words.case.length)}, ${plural(rows.length, "comparison")}`;
      empty.hidden = items.length > 0;
      list.setLength(items.length);
    },
  };
}

function groupByCase(rows) {
  const kinds = DB.words.verdict.length;
  const n = DB.words.case.length;
  const tally = new Uint32Array(n * kinds), total = new Uint32Array(n);
  const points = new Map();
  const order = [];
  for (let k = 0; k < rows.length; k++) {
    const i = rows[k], c = DB.columns.case[i];
    if (!total[c]++) { order.push(c); points.set(c, new Set()); }
    tally[c * kinds + DB.columns.verdict[i]]++;
    points.get(c).add(DB.columns.point[i]);
  }
  order.sort((a, b) => DB.caseOutcome[a] - DB.caseOutcome[b] || DB.words.case[a].localeCompare(DB.words.case[b]));
  return order.map((c) => {
    const verdicts = [];
    for (let v = 0; v < kinds; v++) if (tally[c * kinds + v]) verdicts.push([DB.verdictStyle[v], tally[c * kinds + v], DB.words.verdict[v]]);
    verdicts.sort((a, b) => b[0].severity - a[0].severity);
    const wrong = verdicts.reduce((sum, [s, n]) => sum + (s.group === "wrong" ? n : 0), 0);
    return { id: DB.words.case[c], c, total: total[c], points: points.get(c).size, verdicts, wrong };
  });
}

function functionRow(item) {
  const outcome = DB.outcomes[DB.caseOutcome[item.c]];
  return el("div", { class: "vrow fun" },
    el("span", { role: "gridcell", class: "c-verdict" }, chip(outcome, outcome.title)),
    el("span", { role: "gridcell", class: "c-case" }, el("a", { href: caseLink(item.id), tabindex: "-1" }, txt(item.id, 80))),
    el("span", { role: "gridcell", class: "c-family" }, txt(DB.families[DB.caseFamily[item.c]], 60)),
    el("span", { role: "gridcell", class: "c-worst" }, item.verdicts.slice(0, 6).map(([s, n, word]) => el("span", { class: "mini", title: word },
      symbol(s), count(n), el("span", { class: "visually-hidden" }, " " + word + " ")))),
    el("span", { role: "gridcell", class: "c-points num" }, count(item.points), el("span", { class: "unit" }, item.points === 1 ? " point" : " points")),
    el("span", { role: "gridcell", class: "c-rows num" }, count(item.total), el("span", { class: "unit" }, " rows")));
}
