/* The code of one page: its cells in order, the Python that runs them, and the bar below the title that says how it goes. */
import { Cell, element } from "./cell.mjs";
import { Notes } from "./notes.mjs";
import { Python } from "./python.mjs";

let opened;

/* The page of this bar; its cells can be written in, and Python waits to be started. */
export function open(bar) {
  opened ??= prepare(bar).catch((error) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function prepare(bar) {
  const root = new URL(bar.dataset.root, location.href);
  const answer = await fetch(new URL(`live/${bar.dataset.page}.json`, root), { cache: "no-cache" }).catch(() => ({ status: "no answer" }));
  if (!answer.ok) throw new Error(`the cells of this page could not be fetched (${answer.status}).`);
  return new Page(bar, root, await answer.json());
}

class Page {
  constructor(bar, root, { cells, packages }) {
    this.bar = bar;
    this.notes = new Notes((trouble) => this.warn(trouble));
    this.python = new Python(root.href, packages, (done, of) => this.say(`Fetching and starting Python: ${done} of ${of} files …`));
    const places = [...document.querySelectorAll("div.cell")].filter(
      (cell) => cell.querySelector(".cell_input") && (!cell.matches(".tag_exercise") || cell.matches(".exercise-stub")),
    );
    if (places.length !== cells.filter((cell) => cell.kind !== "hidden").length) throw new Error("this page and its code are not of the same edition.");
    let number = 0;
    this.cells = cells.map((source) => new Cell(source, source.kind === "hidden" ? null : places[number], source.kind === "hidden" ? number : ++number, this));
    this.#dress();
    this.#listen();
    this.#findOldNotes();
  }

  #dress() {
    this.bar.classList.add("live-on");
    this.said = this.bar.querySelector(".live-said");
    this.button = this.bar.querySelector(".live-start");
    this.all = element("button", { type: "button", textContent: "Run all", hidden: true, onclick: () => this.runAll() });
    this.halt = element("button", { type: "button", textContent: "Stop", hidden: true, onclick: () => this.stop() });
    this.undo = element("button", { type: "button", textContent: "Reset this page", hidden: true, onclick: () => this.reset() });
    this.warned = element("p", { className: "live-warning", role: "alert", hidden: true });
    this.said.before(this.all, " ", this.halt, " ", this.undo, " ");
    this.bar.append(this.warned);
    this.refresh();
  }

  #listen() {
    this.notes.watch((key) => {
      for (const cell of this.cells) if (key === null || key === cell.key) cell.recall();
    });
    addEventListener("pagehide", () => this.busy && this.notes.write("left", { cell: this.busy.name }));
    addEventListener("pageshow", (event) => event.persisted && this.notes.write("left", null));
    addEventListener("beforeunload", (event) => this.notes.lost && this.cells.some((cell) => cell.changed) && event.preventDefault());
    const left = this.notes.read("left");
    if (left) {
      this.warn(`When you last left this page, ${left.cell} was still running. Its result is gone; what you wrote is here.`);
      this.notes.write("left", null);
    }
  }

  /* Entries that no cell of today's page answers to: the book has changed since. */
  #findOldNotes() {
    const known = new Set([...this.cells.map((cell) => cell.key), "left"]);
    const old = this.notes.keys().filter((key) => !known.has(key));
    if (!old.length) return;
    const texts = old.map((key) => element("pre", { textContent: this.notes.read(key)?.text ?? "" }));
    const forget = element("button", { type: "button", textContent: "Forget it" });
    const box = element("details", { className: "live-old" }, element("summary", { textContent: "What you wrote in an earlier edition of this page" }), ...texts, forget);
    forget.onclick = () => (old.forEach((key) => this.notes.write(key, null)), box.remove());
    this.bar.append(box);
  }

  /* Say how it goes: in the bar, and beside the cell that waits. */
  say(text) {
    this.said.textContent = text;
    this.busy?.say(text);
  }

  warn(text) {
    this.warned.hidden = false;
    this.warned.textContent = text;
  }

  /* Show the buttons that make sense now. */
  refresh() {
    const on = this.ready || this.busy;
    this.button.hidden = Boolean(on);
    this.all.hidden = !on || this.busy;
    this.halt.hidden = !this.busy;
    this.undo.hidden = !this.cells.some((cell) => cell.changed || cell.ran || cell.shown);
    for (const cell of this.cells) cell.refresh(this.busy);
  }

  /* Start Python unless it runs; whether it does. */
  async start() {
    if (this.ready) return true;
    this.button.disabled = true;
    this.say("Fetching and starting Python …");
    try {
      await this.python.start();
      this.ready = true;
      this.say("Python is ready. Change any cell; Shift+Enter or Run runs it, and before it the cells it builds on.");
    } catch (error) {
      this.say(`${error.message} The text of the page is complete without it, and what you wrote is kept.`);
      this.button.textContent = "Try again";
    }
    this.button.disabled = false;
    this.refresh();
    return this.ready;
  }

  /* Run a cell, and first those above it that have not run yet; checks only when asked. */
  run(wanted) {
    const before = this.cells.slice(0, this.cells.indexOf(wanted));
    return this.#runEach([...before.filter((cell) => !cell.ran && cell.kind !== "check"), wanted]);
  }

  runAll() {
    return this.#runEach(this.cells);
  }

  async #runEach(cells) {
    if (this.busy) return;
    const wanted = cells.at(-1);
    let end = cells.length > 1 ? "Ran to the end." : "";
    for (const cell of cells) {
      this.busy = cell;
      this.refresh();
      if (!(await this.start())) {
        end = this.said.textContent; // why not
        break;
      }
      this.say(`Running ${cell.name} …`);
      const result = await cell.run(this.python);
      if (result.died || result.stopped) return this.#restart(result.died ?? `Stopped in ${cell.name}.`);
      // A check that says "not yet" stops nothing, nor does an exercise: the text goes on with the book's own version.
      if (!result.ok && cell.kind !== "check" && cell.kind !== "exercise" && cell !== wanted) {
        end = `${cell.name[0].toUpperCase()}${cell.name.slice(1)} raised an error, and the cells below it were not run.`;
        break;
      }
    }
    this.busy = null;
    this.say(end);
    if (!wanted.shown) wanted.say(end);
    this.refresh();
  }

  /* End the run: Python cannot be interrupted, so it is ended and started afresh. */
  stop() {
    this.python.stop();
    if (this.busy && !this.ready) this.#restart("Stopped.");
  }

  async #restart(why) {
    this.busy = null;
    this.ready = false;
    for (const cell of this.cells) cell.forget();
    this.refresh();
    if (await this.start()) this.say(`${why} The variables are gone and what you wrote is here; Python has started afresh.`);
  }

  reset() {
    if (!confirm("Put every cell of this page back as the book has it? What you wrote on this page will be gone.")) return;
    for (const cell of this.cells) cell.reset();
    this.say("Every cell is as the book has it. Python's variables are as they were.");
  }
}
