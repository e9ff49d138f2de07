// Every page: keep a copy of the site, so that it opens without its server the next time.

if ("serviceWorker" in navigator && window.isSecureContext) {
  // Relative to this module: the site may lie below any path.
  navigator.serviceWorker.register(new URL("../sw.js", import.meta.url)).catch(() => {});
}

// A link to a run may name the site alone.
if (/(^#|&)[sz]=/.test(location.hash) && !document.getElementById("view")) {
  location.replace(new URL(`../view.html${location.hash}`, import.meta.url));
}
