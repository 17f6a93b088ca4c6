// The search of the site. It needs nothing but the index beside this file, also where the page is a file.
(() => {
  "use strict";
  const root = document.currentScript.src.replace(/search\.js([?#].*)?$/, "");
  const MOST = 12;
  const AROUND = 70;

  const make = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const input = make("input", {
    type: "search", placeholder: "Search (press /)", "aria-label": "Search all pages",
    autocomplete: "off", spellcheck: "false",
  });
  const said = make("p", { role: "status" });
  const list = make("ol", {});
  const found = make("div", { class: "found", hidden: "" }, said, list);
  const form = make("form", { class: "search", role: "search" }, input, found);
  document.querySelector("main").prepend(form);

  // The index is loaded when somebody searches.
  let loading = null;
  const load = () => loading ??= new Promise((resolve, reject) => {
    const script = make("script", { src: `${root}search-index.js` });
    script.onload = () => resolve(window.searchIndex.flatMap(([title, address, sections]) =>
      sections.map(([heading, anchor, words]) => ({
        title, heading, words, url: `${root}${address}#${encodeURIComponent(anchor)}`,
        low: [heading, title, words].map((text) => text.toLowerCase()),
      }))));
    script.onerror = () => { loading = null; script.remove(); reject(); };
    document.head.append(script);
  });

  // What was asked for counts most as it stands. A word counts more in a heading than in a title, and there more than in
  // the text; and more as a whole word than as the beginning of one, or as a part.
  const PHRASE = 40;
  const WEIGHTS = [6, 3, 1];
  const isOfWord = (character) => /[\p{L}\p{N}]/u.test(character ?? "");
  const points = (text, term) => {
    let best = 0;
    for (let at = text.indexOf(term); at >= 0 && best < 3; at = text.indexOf(term, at + 1)) {
      const begins = !isOfWord(text[at - 1]);
      best = Math.max(best, 1 + begins + (begins && !isOfWord(text[at + term.length])));
    }
    return best;
  };
  const rank = (section, terms) => {
    const phrase = terms.join(" ");
    let sum = terms.length > 1 && section.low.some((text) => text.includes(phrase)) ? PHRASE : 0;
    for (const term of terms) {
      const best = Math.max(...section.low.map((text, at) => WEIGHTS[at] * points(text, term)));
      if (best === 0) return 0;
      sum += best;
    }
    return sum;
  };

  const marked = (text, terms) => {
    const parts = [];
    const low = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      const next = terms.map((term) => [low.indexOf(term, at), term.length])
        .filter(([begin]) => begin >= 0).sort((a, b) => a[0] - b[0] || b[1] - a[1])[0];
      if (!next) break;
      parts.push(text.slice(at, next[0]), make("mark", {}, text.slice(next[0], next[0] + next[1])));
      at = next[0] + next[1];
    }
    return [...parts, text.slice(at)];
  };
  const excerpt = (section, terms) => {
    const phrase = section.low[2].indexOf(terms.join(" "));
    const places = terms.map((term) => section.low[2].indexOf(term)).filter((at) => at >= 0);
    const first = phrase >= 0 ? phrase : places.length ? Math.min(...places) : 0;
    // From one gap between words to another.
    const begin = first > AROUND ? Math.min(section.words.indexOf(" ", first - AROUND) + 1 || first, first) : 0;
    const gap = section.words.indexOf(" ", first + 2 * AROUND);
    const end = gap < 0 ? section.words.length : gap;
    const before = begin > 0 ? "… " : "";
    const after = end < section.words.length ? " …" : "";
    return marked(before + section.words.slice(begin, end).trim() + after, terms);
  };

  const show = async () => {
    const asked = input.value.trim();
    const terms = [...new Set(asked.toLowerCase().split(/\s+/).filter(Boolean))];
    if (!terms.length) { found.hidden = true; return; }
    let sections;
    try {
      sections = await load();
    } catch {
      list.replaceChildren();
      said.textContent = "search-index.js is missing: make the site again.";
      found.hidden = false;
      return;
    }
    // Somebody may have typed on meanwhile.
    if (input.value.trim() !== asked) return;
    const ranked = sections.map((section) => [rank(section, terms), section])
      .filter(([sum]) => sum > 0).sort((a, b) => b[0] - a[0]);
    list.replaceChildren(...ranked.slice(0, MOST).map(([, section]) => {
      const where = section.heading === section.title ? section.title : `${section.title}: ${section.heading}`;
      return make("li", {}, make("a", { href: section.url },
        make("strong", {}, ...marked(where, terms)), make("span", {}, ...excerpt(section, terms))));
    }));
    said.textContent = ranked.length === 0 ? `Nothing found for “${asked}”. Try fewer or shorter words.`
      : ranked.length > MOST ? `The best ${MOST} of ${ranked.length} places`
      : ranked.length === 1 ? "1 place" : `${ranked.length} places`;
    found.hidden = false;
  };

  const close = () => { found.hidden = true; };
  input.addEventListener("focus", (event) => {
    load().catch(() => {});
    if (input.value && !form.contains(event.relatedTarget)) show();
  });
  input.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  form.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { close(); input.focus(); }
    else if (event.key === "ArrowDown") (links[at + 1] ?? links[at])?.focus();
    else if (event.key === "ArrowUp") (links[at - 1] ?? input).focus();
    else return;
    event.preventDefault();
  });
  // A link to a heading of this page loads no other page.
  list.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (writes && writes.type !== "checkbox") return;
    event.preventDefault();
    input.focus();
    input.select();
  });
})();
