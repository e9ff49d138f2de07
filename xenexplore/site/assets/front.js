// The matrix: what is behind the mark that is pointed at, in a line of its own.

const readout = document.getElementById("readout");
const rest = readout.textContent;
const show = (event) => {
  const mark = event.target.closest?.("a[title]");
  readout.textContent = mark ? mark.title : rest;
};
const table = document.querySelector(".matrix");
table.addEventListener("pointerover", show);
table.addEventListener("focusin", show);
table.addEventListener("pointerleave", () => { readout.textContent = rest; });
