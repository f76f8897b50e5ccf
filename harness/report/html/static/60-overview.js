// The first screen: the answer in one sentence, what became of each function, what ran, findings, the matrix.

function overviewPage() {
  const bar = makeFilterBar(changeFilter);
  const matrix = makeMatrix();
  const node = el("div", { class: "page overview" },
    el("h1", { tabindex: "-1", id: "page-title" }, DB.title),
    el("p", { class: "lead" }, DB.sentence),
    outcomeBar(), outcomeTiles(), whatRan(), findingsSection(),
    el("section", { "aria-labelledby": "matrix-title" },
      el("div", { class: "section-head" }, el("h2", { id: "matrix-title" }, "Matrix"), matrix.chooser),
      bar.node, matrix.node));
  return {
    node,
    update(route) {
      const filter = readFilter(route.params);
      bar.update(filter);
      const rows = select({ ...filter, sort: "" });
      bar.result.textContent = resultText(rows);
      matrix.update(rows, filter);
    },
  };
}

function resultText(rows) {
  if (rows.length === DB.size) return `${plural(DB.size, "comparison")} of ${plural(DB.words.case.length, "function")}`;
  return `${count(rows.length)} of ${plural(DB.size, "comparison")}, ${plural(distinct(rows, "case"), "function")}`;
}

function outcomeBar() {
  const total = DB.outcomes.reduce((sum, o) => sum + o.count, 0) || 1;
  const parts = DB.outcomes.filter((o) => o.count);
  return el("div", { class: "outcome-bar", role: "img", "aria-label": parts.map((o) => `${o.count} ${o.title}`).join(", ") },
    parts.map((o) => el("span", { class: "seg g-" + o.group + " o-" + o.name, style: { "flex-grow": String(Math.max(o.count / total, 0.012)) } })));
}

function outcomeTiles() {
  const tiles = DB.outcomes.filter((o) => o.count || o.name === "wrong" || o.name === "agree").map((o) => {
    const sides = o.name === "wrong" ? Object.entries(DB.culprits) : [];
    return el("li", { class: "tile o-" + o.name },
      el("a", { href: makeHash("functions", "", writeFilter(only("outcome", o.name))), title: o.meaning },
        el("span", { class: "tile-top" }, symbol(o), el("span", { class: "tile-count" }, count(o.count))),
        el("span", { class: "tile-title" }, o.title)),
      sides.length ? el("ul", { class: "sides" }, sides.map(([side, n]) => el("li", null,
        el("a", { href: makeHash("rows", "", writeFilter(only("culprit", side))) }, txt(side, 40), " ", count(n))))) : null);
  });
  return el("section", { "aria-label": "Functions by outcome" }, el("ul", { class: "tiles" }, tiles),
    el("p", { class: "fine" }, `A function counts once, under the worst of its comparisons. ${plural(DB.surprising, "comparison is", "comparisons are")} surprising; `
      + `${count(DB.blind)} of ${count(DB.size)} cannot tell a conjugation or a sign apart (blind) and are no evidence about conventions. `
      + (DB.unasked ? `${plural(DB.unasked, "native result")} without a counterpart in the run ${DB.unasked === 1 ? "is" : "are"} left out. ` : ""),
      el("a", { href: "#/legend" }, "What the words mean")));
}

function whatRan() {
  if (!DB.runs.length) return null;
  const head = ["Backend", "Version", "Device", "Mode", "dtypes", "Recorded"];
  const rows = DB.runs.flatMap((run) => run.targets.map((t) => el("tr", null,
    el("th", { scope: "row" }, txt(t.backend, 80)), el("td", null, txt(t.versions, 120)), el("td", null, txt(t.device, 80)),
    el("td", null, txt(t.mode, 80)), el("td", null, txt(t.dtypes, 80)), el("td", null, txt(run.started, 40)))));
  const warn = DB.runs.filter((r) => !r.complete);
  return el("section", { "aria-labelledby": "ran-title" }, el("h2", { id: "ran-title" }, "What ran"),
    warn.map((r) => el("p", { class: "notice" }, symbol(DB.styles.error), " The run ", txt(r.name, 80), " is incomplete: it has no closing mark, and what it did not reach is missing here.")),
    el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "What ran" }, el("table", { class: "plain" },
      el("thead", null, el("tr", null, head.map((h) => el("th", { scope: "col" }, h)))), el("tbody", null, rows))),
    el("details", { class: "quiet" }, el("summary", null, "Seeds, flags, platform, digests"),
      DB.runs.map((r) => [el("h3", null, txt(r.name, 120)), el("dl", { class: "facts" },
        r.facts.map(([k, v]) => [el("dt", null, txt(k, 80)), el("dd", null, txt(v, 2000))]))])));
}

const FIRST_FINDINGS = 8;

function findingsSection() {
  if (!DB.findings.rows.length) {
    return el("section", { "aria-labelledby": "findings-title" }, el("h2", { id: "findings-title" }, "Findings"),
      el("p", { class: "empty" }, "No difference was decided against a side or left undecided."));
  }
  const list = el("ol", { class: "findings" });
  const rest = el("button", { type: "button", class: "button" });
  const first = Math.max(FIRST_FINDINGS, DB.findings.first); // all at ordinary inputs
  const show = (n) => list.replaceChildren(...DB.findings.rows.slice(0, n).map(findingItem));
  show(first);
  rest.textContent = `Show all ${count(DB.findings.rows.length)}`;
  rest.addEventListener("click", () => {
    show(1000);
    list.children[first]?.querySelector("a")?.focus();
    rest.remove();
  });
  return el("section", { "aria-labelledby": "findings-title" },
    el("h2", { id: "findings-title" }, "Findings ", el("span", { class: "h-note" }, DB.findings.grouped
      ? "differences grouped by function, verdict and culprit; worst first" : DB.findings.first ? "one per cause, ordinary inputs first" : "one per cause, worst first")),
    list, DB.findings.rows.length > first ? rest : null);
}

function findingItem(f) {
  const style = DB.styles[f.verdict] || DB.styles["?"];
  const known = DB.caseIndex.has(f.case);
  const name = code(f.function || f.case, 80);
  return el("li", { class: "finding" },
    chip(style, f.verdict),
    el("span", { class: "finding-name" }, known ? el("a", { href: caseLink(f.case, f.point) }, name) : name),
    el("span", { class: "finding-what" },
      f.culprit ? [el("strong", null, f.culprit === "both" ? "Both sides are wrong" : [txt(f.culprit, 40), " is wrong"]), f.evidence ? `, by ${f.evidence.replace("-", " ")}` : ""] : "No side named",
      f.title ? [". ", txt(f.title[0].toUpperCase() + f.title.slice(1), 300)] : ""),
    el("span", { class: "finding-where" }, txt(f.where || "", 120)),
    f.link ? el("a", { class: "finding-link", href: f.link, rel: "noopener noreferrer", target: "_blank" }, icon("link"), "upstream", el("span", { class: "visually-hidden" }, " thread, opens in a new tab")) : null);
}

function caseLink(id, point, dtype) {
  const params = new URLSearchParams();
  if (point) params.set("point", point);
  if (dtype) params.set("dtype", dtype);
  return makeHash("case", id, params);
}
