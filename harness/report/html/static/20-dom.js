// Making elements. Text always goes in as text nodes: nothing that came from a run is ever parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function el(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

const present = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);

// Direction marks in a name would reorder the page around it: they are isolated, and shown by code point.
const MARKS = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
const MARKS_SPLIT = /([\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u0000-\u0008\u000b-\u001f\u007f-\u009f])/;

function txt(value, limit) {
  let text = String(value);
  const whole = text;
  if (limit && text.length > limit) text = text.slice(0, limit) + "…";
  const out = el("bdi", limit && whole.length > limit ? { title: whole.slice(0, 1000) } : null);
  if (!MARKS.test(text)) {
    out.textContent = text;
    return out;
  }
  for (const part of text.split(MARKS_SPLIT)) {
    if (!MARKS.test(part)) out.append(part);
    else out.append(el("span", { class: "mark" }, "U+" + part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")));
  }
  return out;
}

// Identifiers break after their punctuation, not in the middle of a word.
function code(value, limit) {
  return el("code", null, txt(value, limit));
}

function symbol(style) {
  return el("span", { class: "sym g-" + style.group, "aria-hidden": "true" }, style.symbol);
}

function chip(style, text) {
  return el("span", { class: "chip g-" + style.group }, symbol(style), el("span", { class: "chip-word" }, text || style.verdict));
}

function verdictChip(row) {
  const style = rowStyle(row);
  return chip(style, style.verdict === "convention" ? "agree" : style.verdict);
}

const count = (n) => n.toLocaleString("en-GB");
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many || one + "s"}`;

function number(x) {
  if (Number.isNaN(x)) return "";
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size >= 0.01 && size < 10000) return String(Number(x.toPrecision(3)));
  const [mantissa, exponent] = x.toExponential(1).split("e");
  return `${mantissa.replace(".0", "")}e${Number(exponent)}`;
}

function icon(name) {
  const paths = {
    search: "M10.5 10.5 14 14M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0Z",
    close: "M4 4l8 8M12 4l-8 8",
    copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
    chevron: "M4 6l4 4 4-4",
    link: "M6.5 9.5l3-3M7 4.5l1.6-1.6a3 3 0 0 1 4.4 4.4L11.4 9M9 11.5l-1.6 1.6A3 3 0 0 1 3 8.7L4.6 7",
    theme: "M8 1.8v12.4A6.2 6.2 0 0 0 8 1.8ZM14.2 8A6.2 6.2 0 1 1 1.8 8a6.2 6.2 0 0 1 12.4 0Z",
  };
  return svg("svg", { viewBox: "0 0 16 16", class: "icon icon-" + name, "aria-hidden": "true" }, svg("path", { d: paths[name] }));
}

let liveTimer = 0;

// One polite live region for the whole page; a burst of changes is read once.
function announce(text) {
  clearTimeout(liveTimer);
  liveTimer = setTimeout(() => { document.getElementById("live").textContent = text; }, 250);
}

function copyButton(label, text) {
  const word = el("span", null, label);
  const button = el("button", { type: "button", class: "button copy" }, icon("copy"), word);
  button.addEventListener("click", async () => {
    const done = await copyText(text());
    word.textContent = done ? "Copied" : "Press Ctrl+C";
    announce(done ? "Copied to the clipboard" : "The text is selected; press Control C to copy it");
    setTimeout(() => { word.textContent = label; }, 2000);
  });
  return button;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (refused) {
    // A page opened from a file may not use the clipboard API in every browser.
    const area = el("textarea", { class: "visually-hidden", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
