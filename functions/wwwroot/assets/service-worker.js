// Answers for the page from what phone.js keeps on the device, whether or not there is a network. What belongs to one version is served together, until phone.js
// names another. It keeps no files itself, and leaves calls of the API to the browser.
const protocol = 1; // what phone.js and this file agree on: the state below and the two messages
const views = new Set(["", "results", "model", "about", "api"]);

addEventListener("activate", event => event.waitUntil(clients.claim()));

addEventListener("message", event => {
  if (event.data === "take-over") {
    skipWaiting(); // the reader agreed to the update
  } else if (event.data === "protocol") {
    event.ports[0].postMessage(protocol);
  }
});

addEventListener("fetch", event => {
  const { request } = event;
  const { scope } = registration;
  const [path] = request.url.slice(scope.length).split(/[?#]/);
  const isDocument = request.mode === "navigate" && views.has(path);
  // 'no-store' is how phone.js asks for what the service has now.
  if (request.method === "GET" && request.url.startsWith(scope) && request.cache !== "no-store" && (isDocument || path.startsWith("assets/"))) {
    event.respondWith(answer(request, scope, path, isDocument));
  }
});

async function answer(request, scope, path, isDocument) {
  const file = await keptFile(request, scope, path, isDocument).catch(() => undefined);
  return file ?? fetch(request);
}

async function keptFile(request, scope, path, isDocument) {
  const states = await caches.open("lentigo-state");
  const state = await (await states.match(scope + "state"))?.json();
  if (!state) {
    return undefined;
  }

  const files = await caches.open(`lentigo-files-${state.version}`);
  if (!isDocument) {
    return files.match(scope + path);
  }

  const wanted = new URL(request.url).searchParams.get("lang");
  const language = state.languages.includes(wanted) ? wanted : state.language;
  if (language !== state.language) {
    await states.put(scope + "state", new Response(JSON.stringify({ ...state, language })));
  }

  return files.match(`${scope}?lang=${language}`);
}
