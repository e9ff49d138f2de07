// The catalogue: one release of Xen, or all; and a search for rows that hold every word, in any order.
//
// The release is in the address, ?xen=4.20, and goes along to the catalogue's other pages.

const field = document.getElementById("search");
const count = document.getElementById("count");
const chooser = document.getElementById("xen");
const rows = [...document.querySelectorAll(".listed tbody tr")].map((row) => ({
  row,
  xen: row.querySelector("[data-xen]").dataset.xen.split(" "),
  text: row.textContent.toLowerCase().replaceAll(/[._]/g, " ") + row.textContent.toLowerCase(),
}));
const versions = [...document.querySelectorAll("div[data-xen]")];
const links = [...document.querySelectorAll('main a[href$=".html"], main a[href*=".html#"]')];
const own = links.filter((link) => new URL(link.href).origin === location.origin);

const release = () => chooser?.value ?? "";
function filter() {
  const words = (field?.value ?? "").toLowerCase().split(/[\s._]+/).filter(Boolean);
  const xen = release();
  let shown = 0;
  for (const one of rows) {
    one.row.hidden = Boolean(xen && !one.xen.includes(xen)) || !words.every((word) => one.text.includes(word));
    if (!one.row.hidden) shown += 1;
  }
  for (const one of versions) one.hidden = Boolean(xen && !one.dataset.xen.split(" ").includes(xen));
  for (const section of document.querySelectorAll("section[id]"))
    if (section.querySelector("div[data-xen]")) section.hidden = !section.querySelector("div[data-xen]:not([hidden])");
  for (const link of own) {
    const to = new URL(link.href);
    to.search = xen ? `?xen=${xen}` : "";
    link.href = to.href;
  }
  if (count) count.textContent = shown === 1 ? "1 entry" : `${shown} entries`;
}
function remember() {
  const words = field?.value ? `#q=${encodeURIComponent(field.value)}` : field ? "" : location.hash;
  try {
    history.replaceState(null, "", `${location.pathname}${release() ? `?xen=${release()}` : ""}${words}`);
  } catch {
    // Too many changes at once: the address is only for copying.
  }
}
for (const [control, kind] of [[field, "input"], [chooser, "change"]])
  control?.addEventListener(kind, () => {
    filter();
    remember();
  });
if (chooser) {
  chooser.closest("[hidden]").hidden = false;
  const asked = new URLSearchParams(location.search).get("xen");
  if ([...chooser.options].some((one) => one.value === asked)) chooser.value = asked;
}
const [, asked] = /^#q=(.*)/.exec(location.hash) || [];
if (field && asked) {
  try {
    field.value = decodeURIComponent(asked);
  } catch {
    field.value = "";
  }
}
if (asked || release()) filter();
