/* What a reader writes, kept on their own machine: one entry of localStorage for each changed cell of a page. */

export class Notes {
  constructor(onTrouble) {
    this.start = `dlbook ${location.pathname} `;
    this.trouble = onTrouble; // called once, with a sentence, when nothing can be kept
    this.lost = false;
  }

  read(key) {
    try {
      return JSON.parse(localStorage.getItem(this.start + key));
    } catch {
      return null; // switched off, or not written by us
    }
  }

  /* Keep `value`, or forget the entry where it is null; say once if the browser refuses. */
  write(key, value) {
    try {
      if (value === null) localStorage.removeItem(this.start + key);
      else localStorage.setItem(this.start + key, JSON.stringify(value));
      this.lost = false;
    } catch (error) {
      const why = error.name === "QuotaExceededError" ? "this browser's storage for the site is full" : "this browser keeps nothing for the site";
      if (!this.lost) this.trouble(`What you write now is lost when you leave the page: ${why}. Copy what you want to keep.`);
      this.lost = true;
    }
  }

  keys() {
    try {
      return Object.keys(localStorage)
        .filter((key) => key.startsWith(this.start))
        .map((key) => key.slice(this.start.length));
    } catch {
      return [];
    }
  }

  /* Call `listen(key)` when another tab has written an entry of this page, or may have while this one slept. */
  watch(listen) {
    addEventListener("storage", (event) => {
      if (event.key === null) listen(null);
      else if (event.key.startsWith(this.start)) listen(event.key.slice(this.start.length));
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.lost) listen(null);
    });
  }
}
