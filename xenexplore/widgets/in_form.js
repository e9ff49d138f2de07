// Call back with the form around an element, once it is in one; its class is FORM_CLASS of keys.py.
export const inForm = (el, signal, found) => {
  if (signal.aborted) return;
  const form = el.closest(".xe-form");
  if (form) found(form);
  else requestAnimationFrame(() => inForm(el, signal, found));
};
