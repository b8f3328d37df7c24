/* Python, in a worker of its own: start it, run cells in it one after another, stop it. */

export class Python {
  /* root: the site's address. tell(done, of): how many of the files are here while it starts. */
  constructor(root, packages, tell) {
    Object.assign(this, { root, packages, tell, worker: null, starting: null, pending: null });
  }

  /* Resolves when Python is ready; rejects with a sentence for the reader. */
  start() {
    this.starting ??= this.#start().catch((error) => {
      this.#end();
      throw error;
    });
    return this.starting;
  }

  #start() {
    return new Promise((ready, reject) => {
      const fail = (why) => reject(new Error(why));
      if (typeof WebAssembly !== "object") return fail("This browser has no WebAssembly, and Python needs it: update the browser, or use another.");
      try {
        this.worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
      } catch (error) {
        return fail(`This browser cannot start Python (${error.message}): update it, or use another.`);
      }
      const broke = (why) => {
        fail(why);
        this.pending?.settle({ ok: false, died: why });
        this.#end();
      };
      this.worker.onerror = (event) => broke(`Python could not be loaded (${event.message ?? "its program is missing or this browser is too old"}).`);
      this.worker.onmessage = ({ data }) => {
        if (data.type === "progress") this.tell(data.done, data.of);
        else if (data.type === "ready") ready();
        else if (data.type === "failed") broke(data.why);
        else if (data.type === "output") this.pending?.listen(data);
        else if (data.type === "done") this.pending?.settle({ ok: data.ok });
      };
      this.worker.postMessage({ type: "start", root: this.root, packages: this.packages });
    });
  }

  /* Run `code`; listen(output) hears what it prints, draws and raises. Resolves to {ok}, {ok, died: why} or {ok, stopped}. */
  async run(code, name, alt, listen) {
    await this.start();
    const result = await new Promise((settle) => {
      this.pending = { listen, settle };
      this.worker.postMessage({ type: "run", code, name, alt });
    });
    this.pending = null;
    return result;
  }

  /* End Python, whatever it is doing; its variables are gone. */
  stop() {
    const running = this.pending;
    this.#end();
    running?.settle({ ok: false, stopped: true });
  }

  #end() {
    this.worker?.terminate();
    Object.assign(this, { worker: null, starting: null });
  }
}
