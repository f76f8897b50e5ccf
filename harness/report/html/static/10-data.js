// Decoding: base64 -> gzip -> one JSON header and typed-array views. Nothing here touches the page.

async function inflate(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, b1: Uint8Array };

async function loadData() {
  const buffer = await inflate(document.getElementById("data").textContent.trim());
  const size = new DataView(buffer).getUint32(0, true);
  const meta = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const base = Math.ceil((4 + size) / 8) * 8;
  const columns = {}, words = {};
  for (const c of meta.columns) {
    columns[c.name] = new ARRAYS[c.kind](buffer, base + c.offset, c.length);
    if (c.words) words[c.name] = c.words;
  }
  delete meta.columns;
  return { ...meta, columns, words, size: meta.rows };
}

// Case pages are compressed one by one and only opened when somebody looks at one.
const openedDetails = new Map();

function loadDetail(caseId) {
  const place = DB.details[DB.caseIndex.get(caseId)];
  if (!place) return Promise.resolve(null);
  if (!openedDetails.has(caseId)) {
    const text = document.getElementById("details").textContent.trim();
    openedDetails.set(caseId, inflate(text.slice(place[0], place[0] + place[1]))
      .then((buffer) => JSON.parse(new TextDecoder().decode(buffer))));
  }
  return openedDetails.get(caseId);
}

let DB = null;

function prepare(db) {
  DB = db;
  DB.caseIndex = new Map(DB.words.case.map((name, k) => [name, k]));
  DB.verdictStyle = DB.words.verdict.map((v) => DB.styles[v] || DB.styles["?"]);
  // Columns of the case that rows look up through their case: family and outcome.
  DB.columns.family = spread(DB.caseFamily, DB.columns.case);
  DB.columns.outcome = spread(DB.caseOutcome, DB.columns.case);
  DB.words.family = DB.families;
  DB.words.outcome = DB.outcomes.map((o) => o.name);
  const backends = [...new Set([...DB.leftBackend, ...DB.rightBackend])].sort();
  DB.words.backend = backends;
  DB.sideOfLeft = DB.leftBackend.map((w) => backends.indexOf(w));
  DB.sideOfRight = DB.rightBackend.map((w) => backends.indexOf(w));
}

function spread(table, codes) {
  const out = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) out[i] = table[codes[i]];
  return out;
}

const cell = (column, row) => DB.words[column][DB.columns[column][row]];

// The style of a row: `agree` with a raw relation other than equal is a pure convention difference.
function rowStyle(row) {
  const verdict = cell("verdict", row);
  const relation = cell("relation", row);
  if (verdict === "agree" && relation && relation !== "equal" && relation !== "none") return DB.styles.convention;
  return DB.styles[verdict] || DB.styles["?"];
}

// How bad a row is. That a framework refuses one of its own APIs says nothing about the function: it stands below
// everything but plain agreement.
function standing(row) {
  const style = rowStyle(row);
  return style.verdict === "unsupported" && cell("quantity", row) === "raw" ? 0.5 : style.severity;
}
