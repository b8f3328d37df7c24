/* Python's packages as they lie unpacked and compiled, kept in the browser's cache, so that the next start need not do that again. */

const NAME = "dlbook";
const digest = async (bytes) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].join();
const address = (live, key) => new URL(`frozen/${key}`, live).href; // no file of the site: the name of what is kept

/* Keep every file below `folder` of Python's file system under `key`, "packages:hash", in the place of another hash's. */
export async function freeze(FS, folder, live, key) {
  const files = [], parts = [];
  const walk = (path) => {
    for (const name of FS.readdir(path).filter((entry) => entry !== "." && entry !== "..")) {
      const place = `${path}/${name}`;
      if (FS.isDir(FS.stat(place).mode)) walk(place);
      else {
        const bytes = FS.readFile(place);
        if (name.endsWith(".pyc")) bytes.set([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4); // to be used whatever the source's date (PEP 552)
        files.push([place, bytes.length]);
        parts.push(bytes);
      }
    }
  };
  walk(folder);
  const blob = new Blob(parts);
  const cache = await caches.open(NAME);
  const packages = key.split(":")[0];
  for (const { url } of await cache.keys()) if (url.startsWith(address(live, packages + ":"))) await cache.delete(url);
  await cache.put(address(live, key), new Response(blob));
  await cache.put(address(live, key + "/list"), Response.json({ files, digest: await digest(await blob.arrayBuffer()) }));
}

/* What was kept under `key`, as a function that writes it into a file system; null where there is nothing, or not what was kept. */
export async function thaw(live, key) {
  const [kept, list] = await Promise.all([key, key + "/list"].map((name) => caches.match(address(live, name), { cacheName: NAME })));
  if (!kept || !list) return null;
  const bytes = new Uint8Array(await kept.arrayBuffer()), { files, digest: expected } = await list.json();
  if ((await digest(bytes)) !== expected) return null;
  return (FS) => {
    let start = 0;
    for (const [place, length] of files) {
      FS.mkdirTree(place.slice(0, place.lastIndexOf("/")));
      FS.writeFile(place, bytes.subarray(start, (start += length)));
    }
  };
}
