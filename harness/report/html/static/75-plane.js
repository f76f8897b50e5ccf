// The points of a case in the complex plane (or on the real line). The direction is true; the distance from the
// origin is compressed logarithmically, so that 1e-200 and 1e200 fit in one picture; rings say how far out one is.

function plane(detail, points, selected, id, dtype) {
  const dots = [];
  const outside = [];
  let isComplex = false;
  for (const p of points) {
    const record = detail.points.find((q) => q.name === p.name);
    if (!record) continue;
    for (const a of record.plot) {
      if (a.complex) isComplex = true;
      for (const [re, im] of a.at) {
        if (Number.isFinite(re) && Number.isFinite(im)) dots.push({ p, re, im });
        else outside.push(p.name);
      }
    }
  }
  if (!dots.length) return null;
  const sizes = dots.map((d) => Math.hypot(d.re, d.im)).filter((r) => r > 0);
  const small = sizes.length ? Math.min(...sizes) : 1, large = sizes.length ? Math.max(...sizes) : 1;
  const size = 320, half = size / 2, reach = half - 30;
  // Decades shown: those of the points, between 1e-3 and 1e3; what lies beyond sits on the innermost or outermost ring.
  const low = Math.max(-3, Math.min(-1, Math.floor(Math.log10(small)))), high = Math.min(3, Math.max(1, Math.ceil(Math.log10(large))));
  const radius = (r) => {
    if (r === 0) return 0;
    const t = (Math.log10(r) - low) / (high - low);
    return reach * (0.16 + 0.84 * Math.max(0, Math.min(1, t)));
  };
  const label = (k) => (k === 0 ? "1" : Math.abs(k) <= 1 ? String(10 ** k) : "10" + String(k).replace(/-/g, "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]));
  const place = (d) => {
    const r = Math.hypot(d.re, d.im) || 0, t = radius(Math.min(r, 1e300));
    const angle = Math.atan2(d.im, d.re);
    return r === 0 ? [half, half] : [half + t * Math.cos(angle), half - t * Math.sin(angle)];
  };
  const height = isComplex ? size : 96, mid = isComplex ? half : 48;
  const flat = (y) => (isComplex ? y : mid);
  const parts = [];
  const rings = [];
  for (let k = low; k <= high; k++) rings.push(k);
  const step = rings.length > 5 ? 2 : 1;
  for (const k of rings) {
    const t = radius(10 ** k);
    if (isComplex) parts.push(svg("circle", { cx: half, cy: half, r: t, class: "ring" + (k === 0 ? " unit" : "") }));
    else for (const s of [-1, 1]) parts.push(svg("line", { x1: half + s * t, x2: half + s * t, y1: mid - 8, y2: mid + 8, class: "ring" }));
    if ((k - high) % step === 0) {
      if (isComplex) parts.push(svg("text", { x: half + t * 0.7071 + 2, y: half + t * 0.7071 + 9, class: "ring-label" }, label(k)));
      else parts.push(svg("text", { x: half + t, y: mid + 24, class: "ring-label", "text-anchor": "middle" }, label(k)));
    }
  }
  parts.push(svg("line", { x1: 8, x2: size - 8, y1: mid, y2: mid, class: "axis" }));
  if (isComplex) {
    parts.push(svg("line", { x1: half, x2: half, y1: 8, y2: size - 8, class: "axis" }),
      svg("text", { x: size - 10, y: half - 6, class: "axis-label", "text-anchor": "end" }, "Re"),
      svg("text", { x: half + 6, y: 16, class: "axis-label" }, "Im"));
  }
  const order = dots.slice(0, 600).sort((a, b) => (a.p === selected) - (b.p === selected) || a.p.style.severity - b.p.style.severity);
  for (const d of order) {
    const [x, y] = place(d);
    const g = svg("g", { class: `dot g-${d.p.style.group}` + (d.p === selected ? " selected" : ""), transform: `translate(${x.toFixed(1)} ${flat(y).toFixed(1)})` },
      svg("title", null, `${d.p.name.slice(0, 100)}: ${d.re}${d.im < 0 || Object.is(d.im, -0) ? "−" : "+"}${Math.abs(d.im)}i, ${d.p.style.verdict}`),
      svg("circle", { r: d.p === selected ? 9 : 7 }), svg("text", { dy: "0.34em", "text-anchor": "middle" }, d.p.style.symbol));
    g.addEventListener("click", () => { location.hash = caseLink(id, d.p.name, dtype); });
    parts.push(g);
  }
  const notes = [];
  if (small < 10 ** low) notes.push(`points nearer than ${label(low)} sit on the inner ring`);
  if (large > 10 ** high) notes.push(`points beyond ${label(high)} sit on the outer ring`);
  if (outside.length) notes.push(`${plural(new Set(outside).size, "point")} with NaN or infinity not drawn`);
  if (dots.length > 600) notes.push(`600 of ${count(dots.length)} entries drawn`);
  return el("figure", { class: "plane" },
    svg("svg", { viewBox: `0 0 ${size} ${height}`, role: "img", "aria-label": `Points of ${id.slice(0, 80)} in the ${isComplex ? "complex plane" : "real line"}; the list below names them with their verdicts` }, parts),
    el("figcaption", null, isComplex ? "Direction true, distance logarithmic" : "Sign true, distance logarithmic", notes.map((n) => "; " + n), "."));
}
