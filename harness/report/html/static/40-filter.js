// Filtering: one table of allowed words a column, then one pass over its codes. 100,000 rows take a few milliseconds.

const SEARCHED = ["case", "point", "family", "api", "quantity", "input", "output", "left", "right", "verdict", "relation",
                  "culprit", "evidence", "dtype", "note", "expected"];
const lowered = new Map();

function lowerWords(column) {
  if (!lowered.has(column)) lowered.set(column, DB.words[column].map((w) => w.toLowerCase()));
  return lowered.get(column);
}

function allowedWords(column, chosen) {
  return Uint8Array.from(DB.words[column], (w) => (chosen.has(w) ? 1 : 0));
}

function applyFacet(name, chosen, keep) {
  if (name === "backend") {
    const allowed = allowedWords("backend", chosen);
    const left = Uint8Array.from(DB.sideOfLeft, (k) => allowed[k]);
    const right = Uint8Array.from(DB.sideOfRight, (k) => allowed[k]);
    const a = DB.columns.left, b = DB.columns.right;
    for (let i = 0; i < keep.length; i++) keep[i] &= left[a[i]] | right[b[i]];
    return;
  }
  const allowed = allowedWords(name, chosen), codes = DB.columns[name];
  for (let i = 0; i < keep.length; i++) keep[i] &= allowed[codes[i]];
}

function applySearch(text, keep) {
  for (const term of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const hit = new Uint8Array(keep.length);
    for (const column of SEARCHED) {
      if (!DB.words[column]) continue;
      const allowed = Uint8Array.from(lowerWords(column), (w) => (w.includes(term) ? 1 : 0));
      if (!allowed.includes(1)) continue;
      const codes = DB.columns[column];
      for (let i = 0; i < hit.length; i++) hit[i] |= allowed[codes[i]];
    }
    for (let i = 0; i < keep.length; i++) keep[i] &= hit[i];
  }
}

// Flags of kept rows; `except` leaves one facet out, for the counts beside its choices.
function mask(filter, except) {
  const keep = new Uint8Array(DB.size).fill(1);
  for (const [name, chosen] of Object.entries(filter.facets)) if (name !== except) applyFacet(name, chosen, keep);
  if (filter.surprising) for (let i = 0; i < keep.length; i++) keep[i] &= DB.columns.surprising[i];
  if (filter.q) applySearch(filter.q, keep);
  return keep;
}

// Indices of kept rows in the order of the sort; rows are stored worst first, which is the order without one.
function select(filter) {
  const keep = mask(filter);
  const rows = new Uint32Array(keep.length);
  let n = 0;
  for (let i = 0; i < keep.length; i++) if (keep[i]) rows[n++] = i;
  const chosen = rows.subarray(0, n);
  if (filter.sort) sortRows(chosen, filter.sort);
  return chosen;
}

function sortRows(rows, sort) {
  const down = sort.startsWith("-");
  const name = down ? sort.slice(1) : sort;
  const codes = DB.columns[name];
  if (!codes) return;
  let key = codes;
  if (DB.words[name]) {
    const order = Array.from(DB.words[name].keys()).sort((a, b) => DB.words[name][a].localeCompare(DB.words[name][b]));
    const rank = new Uint32Array(order.length);
    order.forEach((word, k) => { rank[word] = k; });
    if (name === "verdict") DB.words[name].forEach((w, k) => { rank[k] = 100 - (DB.styles[w] || DB.styles["?"]).severity; });
    key = spread(rank, codes);
  }
  const sign = down ? -1 : 1;
  rows.sort((a, b) => {
    const x = key[a], y = key[b];
    if (x === y) return a - b;
    if (x !== x) return y !== y ? a - b : 1; // NaN (not measured) comes last either way
    if (y !== y) return -1;
    return x < y ? -sign : sign;
  });
}

function facetCounts(name, filter) {
  const keep = mask(filter, name);
  const counts = new Uint32Array(DB.words[name].length);
  if (name === "backend") {
    const a = DB.columns.left, b = DB.columns.right;
    for (let i = 0; i < keep.length; i++) {
      if (!keep[i]) continue;
      const left = DB.sideOfLeft[a[i]], right = DB.sideOfRight[b[i]];
      counts[left]++;
      if (left !== right) counts[right]++;
    }
  } else {
    const codes = DB.columns[name];
    for (let i = 0; i < keep.length; i++) counts[codes[i]] += keep[i];
  }
  return counts;
}

function distinct(rows, column) {
  const seen = new Uint8Array(DB.words[column].length);
  let n = 0;
  for (let k = 0; k < rows.length; k++) {
    const c = DB.columns[column][rows[k]];
    if (!seen[c]) { seen[c] = 1; n++; }
  }
  return n;
}
