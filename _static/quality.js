/* After a page is painted: its formulas, a few at a time so that the page answers meanwhile; and what scrolls
   sideways can be reached and scrolled by keyboard. */
(() => {
  const later = document.querySelector("script[data-mathjax]");
  if (later) {
    let done, asked;
    const ready = new Promise((resolve) => (done = resolve));
    const breath = () => new Promise((go) => setTimeout(go));
    const formulas = [...document.querySelectorAll(".math, .tex2jax_process, .mathjax_process")];
    const bring = () => {
      if (asked) return;
      asked = true;
      const script = document.createElement("script");
      script.src = later.dataset.mathjax;
      document.head.append(script);
    };
    (window.MathJax = window.MathJax || {}).startup = {
      typeset: false,
      get promise() {
        bring(); // who asks for it wants the formulas now: printing does
        return ready;
      },
      pageReady: async () => {
        const near = (node) => Math.abs(node.getBoundingClientRect().top - innerHeight / 2);
        formulas.sort((a, b) => near(a) - near(b)); // what is looked at comes first
        for (let i = 0; i < formulas.length; i += 2) {
          await MathJax.typesetPromise(formulas.slice(i, i + 2));
          await breath();
        }
        reachable();
        done();
      },
    };
    /* At the first sign of a reader, or where a formula is in sight, or after a while in any case. */
    for (const sign of ["scroll", "keydown", "pointerdown", "pointermove", "touchstart", "focusin", "beforeprint"])
      addEventListener(sign, bring, { once: true, passive: true });
    addEventListener("load", () => {
      const sight = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && bring());
      formulas.forEach((formula) => sight.observe(formula));
      setTimeout(bring, 10_000);
    });
  }

  /* The states of a slider are fetched when somebody turns to it, so that none is missing when it moves. */
  for (const figure of document.querySelectorAll("figure.dlbook-slider"))
    for (const sign of ["pointerenter", "focusin", "touchstart"])
      figure.addEventListener(sign, () => figure.querySelectorAll("img").forEach((image) => (image.loading = "eager")), { once: true, passive: true });

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
