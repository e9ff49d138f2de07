// Keeps the site: the second visit needs no server.  VERSION and FILES are written by the builder.

const VERSION = "{{version}}";
const FILES = {{files}}; // what every visit keeps
const LATER = {{later}}; // kept when it is first used
const NAME = `xenexplore ${new URL("./", location).pathname} `;
const kept = new Set([...FILES, ...LATER].map((name) => new URL(name, location).href));

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(NAME + VERSION);
    // Past the browser's own cache, which may hold files of the version before.
    await cache.addAll(FILES.map((name) => new Request(name, { cache: "no-cache" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys())
      if (name.startsWith(NAME) && name !== NAME + VERSION) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const wanted = new URL(event.request.url);
  wanted.hash = wanted.search = "";
  if (wanted.pathname.endsWith("/")) wanted.pathname += "index.html";
  if (!kept.has(wanted.href)) return;
  event.respondWith((async () => {
    const cache = await caches.open(NAME + VERSION);
    const found = await cache.match(wanted.href);
    if (found) return found;
    const answer = await fetch(event.request);
    if (answer.ok && answer.type === "basic") await cache.put(wanted.href, answer.clone());
    return answer;
  })());
});
