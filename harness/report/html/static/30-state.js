// The view lives in the URL: #/page/id?filter=...  Every link and every filter writes it, and reading it is the only
// way to change the view, so that any view can be linked, bookmarked and gone back to.

const FACETS = [
  ["outcome", "Outcome of function"], ["verdict", "Verdict"], ["culprit", "Culprit"], ["backend", "Backend"],
  ["family", "Family"], ["api", "API"], ["dtype", "dtype"], ["quantity", "Quantity"], ["relation", "Raw relation"],
  ["sides", "Sides"], ["axis", "Axis"],
];
const FACET_NAMES = FACETS.map(([name]) => name);

function parseHash(hash) {
  const raw = hash.replace(/^#\/?/, "");
  const cut = raw.indexOf("?");
  const path = cut < 0 ? raw : raw.slice(0, cut);
  const slash = path.indexOf("/");
  let id = "";
  try {
    id = slash < 0 ? "" : decodeURIComponent(path.slice(slash + 1));
  } catch (malformed) {
    id = path.slice(slash + 1);
  }
  return { page: (slash < 0 ? path : path.slice(0, slash)) || "overview", id,
           params: new URLSearchParams(cut < 0 ? "" : raw.slice(cut + 1)) };
}

function makeHash(page, id, params) {
  const query = params ? params.toString() : "";
  return "#/" + page + (id ? "/" + encodeURIComponent(id) : "") + (query ? "?" + query : "");
}

function readFilter(params) {
  const filter = { q: params.get("q") || "", surprising: params.get("surprising") === "1", facets: {},
                   sort: params.get("sort") || "", across: params.get("across") || "sides" };
  for (const name of FACET_NAMES) {
    const values = params.getAll(name);
    if (values.length) filter.facets[name] = new Set(values);
  }
  return filter;
}

function writeFilter(filter) {
  const params = new URLSearchParams();
  if (filter.q) params.set("q", filter.q);
  for (const name of FACET_NAMES) for (const v of filter.facets[name] || []) params.append(name, v);
  if (filter.surprising) params.set("surprising", "1");
  if (filter.sort) params.set("sort", filter.sort);
  if (filter.across !== "sides") params.set("across", filter.across);
  return params;
}

// A link that keeps the filter of the present view and changes some of it.
function filterLink(page, filter, changes) {
  const next = { ...filter, ...changes, facets: { ...filter.facets, ...(changes.facets || {}) } };
  return makeHash(page, "", writeFilter(next));
}

function emptyFilter() {
  return { q: "", surprising: false, facets: {}, sort: "", across: "sides" };
}

const only = (name, ...values) => ({ ...emptyFilter(), facets: { [name]: new Set(values) } });

function activeCount(filter) {
  return Object.keys(filter.facets).length + (filter.q ? 1 : 0) + (filter.surprising ? 1 : 0);
}
