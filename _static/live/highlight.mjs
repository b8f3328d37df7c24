/* Colours Python source with the class names of Pygments, so that an edited cell looks like the others on the page. */

const WORDS = {
  k: "and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield",
  kc: "True False None",
  nb: "abs all any bool dict display enumerate float int isinstance len list map max min print range repr reversed round set sorted str sum super tuple type zip",
};
const CLASS = new Map(Object.entries(WORDS).flatMap(([name, words]) => words.split(" ").map((word) => [word, name])));
const TOKENS = [
  ["c1", /#.*/],
  ["s2", /[rbfRBF]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)/],
  ["mi", /\b(?:0[xob][\da-f_]+|\d[\d_]*\.?\d*(?:e[+-]?\d+)?j?)\b/i],
  ["nd", /^[ \t]*@[\w.]+/m],
  ["n", /[^\W\d]\w*/u],
  ["o", /[-+*/%@=<>!&|^~]+/],
];
const PATTERN = new RegExp(TOKENS.map(([name, token]) => `(?<${name}>${token.source})`).join("|"), "gimu");

/* Fill `place` with the coloured `source`. */
export function highlight(place, source) {
  place.replaceChildren();
  let end = 0;
  for (const match of source.matchAll(PATTERN)) {
    const [name] = Object.entries(match.groups).find(([, text]) => text !== undefined);
    place.append(source.slice(end, match.index));
    const span = document.createElement("span");
    span.className = name === "n" ? (CLASS.get(match[0]) ?? "n") : name;
    span.textContent = match[0];
    place.append(span);
    end = match.index + match[0].length;
  }
  place.append(source.slice(end) + "\n"); // a last line that is empty has a height too
}
