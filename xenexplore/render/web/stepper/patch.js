// A part of the page becomes what its markup has become; what is the same in both stays, and is
// neither styled, laid out nor painted again.

/**
 * @param {Element} part
 * @param {string} html what it shall contain
 */
export function patch(part, html) {
  const wanted = /** @type {Element} */ (part.cloneNode(false)); // parsed as its content would be
  wanted.innerHTML = html;
  become(part, wanted);
}
function become(part, wanted) {
  const has = [...part.childNodes],
    all = [...wanted.childNodes];
  all.forEach((there, k) => {
    const here = has[k];
    if (!here) part.append(there);
    else if (here.nodeName !== there.nodeName) here.replaceWith(there);
    else if (here.isEqualNode(there)) return;
    else if (here.data) here.data = there.data;
    else {
      for (const name of here.getAttributeNames()) if (!there.hasAttribute(name)) here.removeAttribute(name);
      for (const { name, value } of there.attributes)
        if (here.getAttribute(name) !== value) here.setAttribute(name, value);
      become(here, there);
    }
  });
  has.slice(all.length).forEach((node) => node.remove());
}
