// Families (and, opened, their functions) down; pairs, verdicts, dtypes ... across. A cell shows the worst verdict at
// ordinary points by symbol and word, how many comparisons it stands on, and a bar of the proportions there; where only
// extreme points were compared it shows those, and says so.

const ACROSS = [["sides", "pairs"], ["dtype", "dtypes"], ["quantity", "quantities"], ["api", "APIs"]];

function makeMatrix() {
  const node = el("div", { class: "scroller matrix-wrap", tabindex: "0", role: "region", "aria-labelledby": "matrix-title" });
  const choices = ACROSS.filter(([name]) => DB.words[name].length > (name === "sides" ? 0 : 1));
  const chooser = el("div", { class: "segmented", role: "group", "aria-label": "Columns of the matrix" });
  const opened = new Set();
  const refusal = { ...DB.styles.unsupported, severity: -1 }; // of a raw API: worth a mark in the bar, not the headline
  let rows = null, filter = emptyFilter();

  function update(nextRows, nextFilter) {
    rows = nextRows; filter = nextFilter;
    chooser.replaceChildren(...choices.map(([name, title]) => el("button", { type: "button", "aria-pressed": String(filter.across === name),
      onclick: () => changeFilter({ ...filter, across: name }, false) }, "by " + title)));
    draw();
  }

  function draw() {
    const across = DB.words[filter.across] ? filter.across : "sides";
    const words = DB.words.verdict.length + 2; // then: convention, refusal of an API
    const width = DB.words[across].length, kinds = 2 * words; // of ordinary points, then of extreme ones
    const tally = (groups, groupCodes) => {
      const table = new Uint32Array(groups * width * kinds);
      const cols = DB.columns[across], verdicts = DB.columns.verdict, relations = DB.columns.relation;
      const agree = DB.words.verdict.indexOf("agree"), unsupported = DB.words.verdict.indexOf("unsupported");
      const raw = DB.words.quantity.indexOf("raw"), quantities = DB.columns.quantity;
      const plain = DB.words.relation.map((w) => w === "" || w === "equal" || w === "none");
      for (let k = 0; k < rows.length; k++) {
        const i = rows[k];
        const kind = verdicts[i] === agree && !plain[relations[i]] ? words - 2
          : verdicts[i] === unsupported && quantities[i] === raw ? words - 1 : verdicts[i];
        table[(groupCodes[i] * width + cols[i]) * kinds + kind + (DB.columns.ordinary[i] ? 0 : words)]++;
      }
      return table;
    };
    const byFamily = tally(DB.families.length, DB.columns.family);
    const byCase = opened.size ? tally(DB.words.case.length, DB.columns.case) : null;
    const seen = new Uint8Array(width);
    for (let k = 0; k < rows.length; k++) seen[DB.columns[across][rows[k]]] = 1;
    const columns = Array.from(seen.keys()).filter((c) => seen[c]);
    columns.sort((a, b) => DB.words[across][a].localeCompare(DB.words[across][b]));
    if (across === "sides") columns.sort((a, b) => within(a) - within(b)); // pairs first, then what is compared with itself
    const shownColumns = columns.slice(0, 24);
    const families = Array.from(DB.families.keys()).filter((f) => any(byFamily, f * width * kinds, width * kinds))
      .sort((a, b) => DB.families[a].localeCompare(DB.families[b]));
    if (!families.length) {
      node.replaceChildren(el("p", { class: "empty" }, "Nothing matches. Remove a filter above."));
      return;
    }
    const casesOf = new Map();
    DB.caseFamily.forEach((f, c) => { if (!casesOf.has(f)) casesOf.set(f, []); casesOf.get(f).push(c); });
    const body = [];
    let folder = null;
    for (const f of families) {
      const name = DB.families[f];
      const top = name.split("/")[0] || "no family";
      if (top !== folder) {
        body.push(el("tr", { class: "folder" }, el("th", { colspan: String(shownColumns.length + 1), scope: "rowgroup" }, txt(top, 80))));
      }
      folder = top;
      const isOpen = opened.has(name);
      body.push(familyRow(f, name, top, isOpen, (c) => cellOf(byFamily, f, c, { family: new Set([name]) })));
      if (isOpen) {
        for (const c of casesOf.get(f).filter((k) => any(byCase, k * width * kinds, width * kinds)).slice(0, 400)) {
          const id = DB.words.case[c];
          body.push(el("tr", { class: "case-row" }, el("th", { scope: "row" }, el("a", { href: caseLink(id) }, txt(id, 60))),
            shownColumns.map((k) => cellOf(byCase, c, k, { family: new Set([name]) }, id))));
        }
      }
    }

    function cellOf(table, group, column, facets, id) {
      const start = (group * width + column) * kinds;
      const partsFrom = (at) => {
        const found = [];
        for (let k = 0; k < words; k++) {
          const n = table[start + at + k];
          if (n) found.push([k === words - 1 ? refusal : k === words - 2 ? DB.styles.convention : DB.verdictStyle[k], n]);
        }
        return found.sort((a, b) => b[0].severity - a[0].severity || (a[0].verdict === "agree" ? 1 : -1));
      };
      const usual = partsFrom(0), extreme = partsFrom(words);
      const parts = usual.length ? usual : extreme;
      if (!parts.length) return el("td", { class: "none" }, el("span", { "aria-hidden": "true" }, "·"), el("span", { class: "visually-hidden" }, "not compared"));
      const total = parts.reduce((sum, [, n]) => sum + n, 0);
      const [worst, n] = parts[0];
      const told = (found) => found.map(([s, m]) => `${count(m)} ${s.verdict === "convention" ? "agree by convention" : s.verdict}`).join(", ");
      const said = [usual.length ? told(usual) : "", extreme.length ? `at extreme points: ${told(extreme)}` : ""].filter(Boolean).join("; ");
      const target = filterLink("rows", filter, { facets: { ...facets, [across]: new Set([DB.words[across][column]]) } });
      const label = worst.severity <= 0 && worst !== refusal ? count(total) : `${count(n)}/${count(total)}`;
      return el("td", null, el("a", { class: "cell g-" + worst.group + (usual.length ? "" : " cell-extreme"), href: id ? caseLink(id) : target, title: said, "aria-label": said },
        el("span", { class: "cell-main" }, symbol(worst), el("span", { class: "cell-word" }, worst.verdict === "convention" ? "agree" : worst.verdict),
          el("span", { class: "cell-count" }, label)),
        el("span", { class: "cell-bar" }, parts.map(([s, m]) => el("span", { class: "seg g-" + s.group, style: { "flex-grow": String(Math.max(m / total, 0.02)) } })))));
    }

    function familyRow(f, name, top, isOpen, make) {
      const button = el("button", { type: "button", class: "disclose", "aria-expanded": String(isOpen) }, icon("chevron"),
        txt(name.slice(top.length + 1) || top, 60), el("span", { class: "dim" }, " " + count(casesOf.get(f).length)));
      button.addEventListener("click", () => {
        if (isOpen) opened.delete(name); else opened.add(name);
        draw();
        node.querySelector(`button[data-family="${f}"]`)?.focus();
      });
      button.dataset.family = f;
      return el("tr", null, el("th", { scope: "row" }, button), shownColumns.map((c) => make(c)));
    }

    const caption = el("caption", { class: "visually-hidden" }, `Worst verdict of each function family at ordinary points by ${across}. Family buttons open their functions.`);
    node.replaceChildren(el("table", { class: "matrix" }, caption,
      el("thead", null, el("tr", null, el("th", { scope: "col" }, "Family"), shownColumns.map((c) => el("th", { scope: "col" }, pairHeader(across, DB.words[across][c]))))),
      el("tbody", null, body)));
    if (columns.length > shownColumns.length) {
      node.append(el("p", { class: "fine" }, `${columns.length - shownColumns.length} further columns are not drawn; filter to see them.`));
    }
  }
  return { node, chooser, update };
}

const within = (column) => (DB.words.sides[column].includes(" ↔ ") ? 0 : 1);

function pairHeader(across, word) {
  if (across !== "sides" || !word.includes(" ↔ ")) return txt(word || "none", 40);
  const [left, right] = word.split(" ↔ ");
  return [txt(left, 40), el("span", { class: "dim" }, " ↔ "), txt(right || "", 60)];
}

function any(table, start, n) {
  for (let k = start; k < start + n; k++) if (table[k]) return true;
  return false;
}
