/* The worker in which Python runs: brings its files, each with the SHA-256 that the site promises, and hands cells to kernel.py. */

import { freeze, thaw } from "./frozen.mjs";

const FOLDER = "/lib/python3.14/site-packages";
const fetchFromSite = self.fetch.bind(self);
const held = new Map(); // address -> promise of the file
const keep = "caches" in self && "subtle" in crypto; // only where the address is trusted: https, or this machine
const count = { done: 0, of: 0 };
const post = (type, more) => self.postMessage({ type, ...more });
let kernel;

// Pyodide asks for its files by `fetch`, and gets those that were brought already.
self.fetch = (address, options) => {
  const response = held.get(String(address));
  held.delete(String(address)); // it can be read once
  return response ?? fetchFromSite(address, options);
};

/* Fetch a file for Pyodide; resolves to its address with its hash in it, lest a browser take an older one from its cache. */
async function bring(address, { sha256 }) {
  const url = `${address}?${sha256.slice(0, 8)}`;
  const integrity = "sha256-" + btoa(String.fromCharCode(...sha256.match(/../g).map((pair) => parseInt(pair, 16))));
  count.of++;
  const response = fetchFromSite(url, { integrity })
    .catch(() => fetchFromSite(url, { integrity, cache: "reload" })) // the damaged one may be the browser's copy
    .catch(() => explain(url));
  held.set(String(address), response);
  await response;
  post("progress", { done: ++count.done, of: count.of });
  return url;
}

/* The text of one of our own files, as it is now. */
async function text(url) {
  const answer = await fetchFromSite(url, { cache: "no-cache" }).catch(() => ({}));
  return answer.ok ? answer.text() : explain(url);
}

/* Say why a file could not be had. */
async function explain(url) {
  const { host, pathname } = new URL(url);
  const name = pathname.split("/").pop();
  const answer = await fetchFromSite(url, { method: "HEAD" }).catch(() => null);
  if (!answer) throw new Error(`${name} could not be fetched from ${host}. Are you offline? Try again when the network is back.`);
  if (!answer.ok) throw new Error(`${name} is missing on ${host} (${answer.status}).`);
  throw new Error(`${name} from ${host} is damaged: it is not the file that this site was made with, so nothing of it was run.`);
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/* `names` and all that they depend on. */
function closure(names, packages, found = new Set()) {
  for (const name of names)
    if (!found.has(name)) closure(packages[name].depends, packages, found.add(name));
  return found;
}

async function start({ root, packages }) {
  const live = new URL("live/", root);
  const site = await text(new URL("site.json", live));
  const { python, core, lock, checksums } = parse(site) ?? (await explain(new URL("site.json", live)));
  const base = new URL(python, live).href;
  lock.packages.dlbook.file_name = new URL(lock.packages.dlbook.file_name, live).href;

  const wanted = closure(packages, lock.packages);
  const key = `${packages}:${[...wanted].map((name) => lock.packages[name].sha256.slice(0, 6)).sort().join("")}`;
  const write = keep ? await thaw(live, key).catch(() => null) : null;
  const parts = (write ? [] : [...wanted]).map((name) => bring(new URL(lock.packages[name].file_name, base), lock.packages[name]));
  const own = ["kernel.py", "figures.py"].map(async (name) => [name, await text(new URL(name, import.meta.url))]);
  const sums = bring(new URL("data/checksums.json", live), { sha256: checksums });
  const programs = Object.keys(core).map((name) => bring(new URL(name, base), core[name]));
  const everything = Promise.all([...parts, ...own, sums, ...programs]);
  everything.catch(() => {}); // awaited below
  const urls = await Promise.all(programs);
  const script = (name) => import(urls[Object.keys(core).indexOf(name)]);

  const { loadPyodide } = await script("pyodide.mjs");
  const [, py] = await Promise.all([
    everything,
    loadPyodide({
      indexURL: base,
      packageBaseUrl: base,
      lockFileContents: lock,
      createPyodideModule: (await script("pyodide.asm.mjs")).default,
      packages: write ? [] : [...wanted],
      stdout: () => {}, // what it says while it loads
      env: { HOME: "/home/pyodide", MPLBACKEND: "module://figures", DLBOOK_DATA: "/data" },
    }),
  ]);
  write?.(py.FS);
  const missing = [...wanted].filter((name) => !write && !(name in py.loadedPackages));
  if (missing.length) throw new Error(`These parts of Python could not be loaded: ${missing.join(", ")}.`);
  for (const [name, text] of await Promise.all(own)) py.FS.writeFile(`/home/pyodide/${name}`, text);
  py.FS.mkdir("/data");
  py.FS.writeFile("/data/checksums.json", await (await self.fetch(new URL("data/checksums.json", live))).text());
  py.registerJsModule("page", { post: (kind, first, second) => post("output", { kind, first, second }), read: (file) => read(new URL(`data/${file}`, live)) });
  kernel = py.pyimport("kernel");
  return () => keep && !write && freeze(py.FS, FOLDER, live, key);
}

/* A data file, at once, as Python wants it: a worker may wait. Returns its bytes, or the reason why there are none. */
function read(url) {
  const request = new XMLHttpRequest();
  request.open("GET", url, false);
  request.responseType = "arraybuffer";
  try {
    request.send();
  } catch {
    return "the site does not answer. Are you offline?";
  }
  return request.status === 200 ? new Uint8Array(request.response) : `the site answers ${request.status}.`;
}

self.onmessage = async ({ data }) => {
  if (data.type === "start")
    try {
      const remember = await start(data);
      post("ready");
      kernel.warm_up(); // while the reader looks where to begin
      await Promise.resolve(remember()).catch(() => {}); // a full disk: the next start takes its time
    } catch (error) {
      post("failed", { why: error.message });
    }
  else
    try {
      post("done", { ok: kernel.run(data.code, data.name, data.alt) });
    } catch (error) {
      post("failed", { why: `Python broke down (${String(error.message).trim().split("\n").pop()}).` });
    }
};
