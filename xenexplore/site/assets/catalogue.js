// The catalogue's search: rows that hold every word, in any order.

const field = document.getElementById("search");
const count = document.getElementById("count");
const rows = [...document.querySelectorAll(".listed tbody tr")].map((row) => ({
  row,
  text: row.textContent.toLowerCase().replaceAll(/[._]/g, " ") + row.textContent.toLowerCase(),
}));
const filter = () => {
  const words = field.value.toLowerCase().split(/[\s._]+/).filter(Boolean);
  let shown = 0;
  for (const { row, text } of rows) {
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) shown += 1;
  }
  count.textContent = shown === 1 ? "1 entry" : `${shown} entries`;
  try {
    history.replaceState(null, "", field.value ? `#q=${encodeURIComponent(field.value)}` : location.pathname);
  } catch {
    // Too many changes at once: the address is only for copying.
  }
};
field.addEventListener("input", filter);
const [, asked] = /^#q=(.*)/.exec(location.hash) || [];
if (asked) {
  try {
    field.value = decodeURIComponent(asked);
  } catch {
    field.value = "";
  }
  filter();
}
