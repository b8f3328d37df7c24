/* The button that starts Python on a page. The rest, in the folder live/, is loaded when it is pressed, or at once where
   the reader has written something on an earlier visit. */
{
  const here = document.currentScript.src;
  document.addEventListener("DOMContentLoaded", () => {
    const bar = document.querySelector(".live-bar");
    if (!bar) return;
    bar.hidden = false;
    const button = bar.querySelector(".live-start");
    const load = async () => (await import(new URL("live/page.mjs", here))).open(bar);
    const failed = (error) => {
      bar.querySelector(".live-said").textContent =
        location.protocol === "file:"
          ? "A page opened as a file cannot start Python. Type `make serve` in the book's folder and open the address that it gives."
          : `Python cannot start: ${error.message} Reload the page to try again; the text is complete as it is.`;
    };
    button.addEventListener("click", () => load().then((page) => page.start(), failed));
    let written = false;
    try {
      written = Object.keys(localStorage).some((key) => key.startsWith(`dlbook ${location.pathname} `));
    } catch {} // storage is switched off; page.mjs says so
    if (written && location.protocol !== "file:") load().catch(failed);
  });
}
