/* One cell: a text field with the page's colours below it, its buttons, and what running it shows. */
import { highlight } from "./highlight.mjs";

export function element(tag, properties = {}, ...children) {
  const { role, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (role) made.setAttribute("role", role);
  made.append(...children);
  return made;
}

export class Cell {
  /* place: the cell's element on the page; null for one that is not shown. */
  constructor({ key, kind, source, alt }, place, number, page) {
    Object.assign(this, { key, kind, source, alt, place, page, ran: false, shown: false, text: source });
    this.name = place ? `cell ${number}` : `a hidden cell after cell ${number}`;
    if (place) this.#dress();
    this.recall();
  }

  get changed() {
    return this.text !== this.source;
  }

  #dress() {
    const input = this.place.querySelector(".cell_input");
    this.colours = element("pre", { ariaHidden: "true" });
    this.field = element("textarea", { rows: 1, spellcheck: false, autocapitalize: "off", wrap: "off", ariaLabel: `Code of ${this.name}. Shift+Enter runs it; Escape, then Tab, leaves it.` });
    this.field.setAttribute("autocorrect", "off");
    this.field.addEventListener("input", () => this.write(this.field.value));
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("focus", () => (this.leaving = false));
    input.replaceChildren(element("div", { className: "live-editor highlight" }, this.colours, this.field));

    this.button = element("button", { type: "button", textContent: "Run", ariaLabel: `Run ${this.name}` });
    this.button.onclick = () => (this.page.busy === this ? this.page.stop() : this.page.run(this));
    this.undo = element("button", { type: "button", textContent: "Reset", ariaLabel: `Reset ${this.name}`, hidden: true });
    this.undo.onclick = () => (this.reset(), this.field.focus());
    this.said = element("span", { className: "live-said", role: "status" });
    this.output = element("div", { className: "live-output" });
    const bar = element("div", { className: "live-buttons" }, this.button, " ", this.undo, " ", this.said);
    let above = input;
    while (above.parentElement !== this.place) above = above.parentElement; // a folded cell's buttons stand outside the fold
    above.after(bar, this.output);
    this.printed = [...this.place.children].filter((part) => part.matches(".cell_output") || part.querySelector(".cell_output"));
    this.printed = this.printed.filter((part) => part !== above);
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey } = event;
    if (key === "Enter" && (shiftKey || ctrlKey || metaKey)) {
      event.preventDefault();
      this.page.run(this);
      if (shiftKey) this.page.cells.slice(this.page.cells.indexOf(this) + 1).find((cell) => cell.field?.offsetParent)?.field.focus();
    } else if (key === "Escape") this.leaving = true;
    else if (key === "Tab" && !this.leaving) {
      event.preventDefault();
      this.#indent(shiftKey);
    } else if (key === "Enter") {
      event.preventDefault();
      const line = this.field.value.slice(0, this.field.selectionStart).split("\n").pop();
      this.#insert("\n" + line.match(/^[ \t]*/)[0] + (/:\s*(#.*)?$/.test(line) ? "    " : ""));
    }
  }

  /* Type text as a person would, so that undo works. */
  #insert(text) {
    if (!document.execCommand("insertText", false, text)) {
      this.field.setRangeText(text, this.field.selectionStart, this.field.selectionEnd, "end");
      this.write(this.field.value);
    }
  }

  #indent(less) {
    const { value, selectionStart, selectionEnd } = this.field;
    if (!less && selectionStart === selectionEnd) return this.#insert("    ");
    const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
    const lines = value.slice(start, selectionEnd).split("\n");
    const moved = lines.map((line) => (less ? line.replace(/^ {1,4}/, "") : line && "    " + line)).join("\n");
    this.field.setSelectionRange(start, selectionEnd);
    if (moved) this.#insert(moved);
    this.field.setSelectionRange(selectionStart === selectionEnd ? start + moved.length : start, start + moved.length);
  }

  /* The reader has written: keep it. */
  write(text) {
    this.text = text;
    this.page.notes.write(this.key, this.changed ? { text } : null);
    this.#draw();
    this.page.refresh();
  }

  /* Show what is kept of this cell: from the last visit, or from another tab. */
  recall() {
    const text = this.page.notes.read(this.key)?.text ?? this.source;
    if (!this.place || (text === this.text && this.colours.firstChild)) return;
    this.text = text;
    this.#draw();
    this.page.cells && this.page.refresh();
  }

  #draw() {
    if (this.field.value !== this.text) this.field.value = this.text;
    highlight(this.colours, this.text);
  }

  refresh(busy) {
    if (!this.place) return;
    this.undo.hidden = !this.changed && !this.shown;
    this.button.textContent = busy === this ? "Stop" : "Run";
    this.button.ariaLabel = `${this.button.textContent} ${this.name}`;
    this.button.disabled = Boolean(busy) && busy !== this;
  }

  say(text) {
    if (this.said) this.said.textContent = text;
  }

  async run(python) {
    this.#clear();
    this.shown = Boolean(this.place);
    const start = performance.now();
    const result = await python.run(this.text, `<${this.name}>`, this.changed ? "" : this.alt, (output) => this.#hear(output));
    this.ran = result.ok;
    const seconds = (performance.now() - start) / 1000;
    this.say(result.stopped ? "Stopped." : result.died ? result.died : seconds > 1 ? `${seconds.toFixed(1)} s` : "");
    return result;
  }

  #hear({ kind, first, second }) {
    if (kind === "progress") return this.say(first);
    if (!this.place) return;
    if (kind === "html") {
      const box = element("div", { innerHTML: first });
      for (const script of box.querySelectorAll("script")) script.replaceWith(element("script", { textContent: script.textContent })); // or it would not run
      return this.output.append(box);
    }
    if (kind === "figure") return this.output.append(element("img", { src: `data:image/svg+xml,${encodeURIComponent(first)}`, alt: second }));
    const name = kind === "error" ? `live-${second}` : `live-${kind}`;
    const last = this.output.lastElementChild;
    if (last?.className === name && kind !== "error") last.append(first);
    else this.output.append(element("pre", { className: name, textContent: first }));
  }

  #clear() {
    this.output?.replaceChildren();
    this.say("");
    for (const part of this.printed ?? []) part.hidden = true; // what the page was printed with
  }

  /* Python has started afresh and knows nothing of this cell. */
  forget() {
    this.ran = false;
  }

  /* As the book has it: text and output. */
  reset() {
    if (!this.place) return;
    this.#clear();
    for (const part of this.printed) part.hidden = false;
    this.shown = this.ran = false;
    this.write(this.source);
  }
}
