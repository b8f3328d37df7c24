/* After a page is painted: its formulas, a few at a time so that the page answers meanwhile; and what scrolls
   sideways can be reached and scrolled by keyboard. */
(() => {
  const later = document.querySelector("script[data-mathjax]");
  if (later) {
    let done;
    const config = (window.MathJax = window.MathJax || {});
    const breath = () => new Promise((go) => setTimeout(go));
    config.startup = {
      typeset: false,
      promise: new Promise((resolve) => (done = resolve)),
      pageReady: async () => {
        const formulas = [...document.querySelectorAll(".math, .tex2jax_process, .mathjax_process")];
        for (let i = 0; i < formulas.length; i += 3) {
          await MathJax.typesetPromise(formulas.slice(i, i + 3));
          await breath();
        }
        reachable();
        done();
      },
    };
    const bring = () => {
      const script = document.createElement("script");
      script.src = later.dataset.mathjax;
      document.head.append(script);
    };
    const idle = window.requestIdleCallback || ((call) => setTimeout(call, 200));
    if (document.readyState === "complete") idle(bring);
    else addEventListener("load", () => idle(bring));
  }

  function reachable() {
    for (const box of document.querySelectorAll(
      ".bd-article :is(div.math, pre, .pst-scrollable-table-container, .cell_output .text_html, .highlight)",
    )) {
      const scrolls = box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX);
      if (scrolls && !box.hasAttribute("tabindex")) {
        box.tabIndex = 0;
        box.dataset.reachable = "";
      } else if (!scrolls && "reachable" in box.dataset) {
        box.removeAttribute("tabindex");
        delete box.dataset.reachable;
      }
    }
  }
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(reachable, 100);
  });
  document.addEventListener("toggle", reachable, true); // a folded part that opens
  addEventListener("load", reachable);
})();
