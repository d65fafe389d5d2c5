"use strict";

// The terminal of a workspace: xterm.js draws it, keys go out in order and once.
(() => {
  const box = document.getElementById("seat");
  if (!box || !window.Terminal || !window.EventSource) return;
  const state = document.getElementById("seat-state");
  const who = document.getElementById("seat-who");
  const say = (s) => { state.textContent = s; };

  // xterm.js writes style elements and style attributes, which our policy forbids
  // in a page's text. Both become what it allows: objects of the style sheet API.
  const make = document.createElement.bind(document);
  document.createElement = (name, options) => {
    if (String(name).toLowerCase() !== "style") return make(name, options);
    const sheet = new CSSStyleSheet();
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    const stand = make("span");
    stand.hidden = true;
    Object.defineProperty(stand, "textContent", { set: (text) => sheet.replaceSync(text) });
    return stand;
  };
  const attribute = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else attribute.call(this, name, value);
  };

  const term = new window.Terminal({
    cursorBlink: true, fontSize: 14, scrollback: 5000, screenReaderMode: true, allowProposedApi: false,
    fontFamily: '"DejaVu Sans Mono", Menlo, Consolas, "Noto Sans Mono CJK SC", monospace', linkHandler: { activate: () => {} },
  });
  term.open(box);
  term.attachCustomKeyEventHandler((e) => {
    if (!(e.ctrlKey && e.key === "]")) return true;
    if (e.type === "keydown") document.getElementById("seat-close").focus(); // the way out for the keyboard
    return false;
  });

  // Keys, one request at a time; what was typed meanwhile goes with the next.
  let at = -1, waiting = new Uint8Array(0), sending = false, over = false;
  const encoder = new TextEncoder();
  const join = (a, b) => { const c = new Uint8Array(a.length + b.length); c.set(a); c.set(b, a.length); return c; };
  const send = async () => {
    if (sending || at < 0 || over) return;
    sending = true;
    while (waiting.length && !over) {
      const part = waiting.subarray(0, 8192);
      try {
        const r = await fetch(box.dataset.keys + "?at=" + at, { method: "POST", body: part, headers: { "Content-Type": "application/octet-stream" } });
        if (r.ok) {
          const typed = (await r.json()).at; // more may wait by now
          waiting = waiting.subarray(typed - at);
          at = typed;
          continue;
        }
        if (r.status === 429) { await new Promise((f) => setTimeout(f, 500)); continue; }
        if (r.status < 500) { waiting = new Uint8Array(0); break; }
      } catch { say(box.dataset.lost); }
      await new Promise((f) => setTimeout(f, 1000));
    }
    sending = false;
  };
  term.onData((s) => { if (!over) { waiting = join(waiting, encoder.encode(s)); send(); } });

  // As many characters as the box holds.
  let told = "";
  const fit = () => {
    const probe = make("span");
    probe.className = "seat-probe";
    probe.textContent = "W".repeat(50);
    box.append(probe);
    const w = probe.getBoundingClientRect().width / 50, h = probe.getBoundingClientRect().height;
    probe.remove();
    if (!w || !h) return;
    const cols = Math.max(20, Math.min(300, Math.floor((box.clientWidth - 24) / w)));
    const rows = Math.max(10, Math.min(100, Math.floor(box.clientHeight / h)));
    if (cols !== term.cols || rows !== term.rows) term.resize(cols, rows);
    if (over || at < 0 || told === cols + "x" + rows) return;
    told = cols + "x" + rows;
    fetch(box.dataset.window, { method: "POST", body: JSON.stringify({ cols, rows }), headers: { "Content-Type": "application/json" } }).catch(() => { told = ""; });
  };
  new ResizeObserver(fit).observe(box);

  const source = new EventSource(box.dataset.screen); // takes up again by itself, after the last id
  const bytes = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
  let typed = 0;
  source.addEventListener("seat", (e) => { typed = JSON.parse(e.data).at; say(""); });
  source.addEventListener("watching", (e) => {
    who.textContent = (JSON.parse(e.data).watching || []).join(", ");
    if (at < 0) { at = typed; fit(); send(); }
  });
  source.addEventListener("screen", (e) => term.write(bytes(e.data)));
  source.addEventListener("error", () => { if (!over) say(box.dataset.lost); });
  source.addEventListener("end", (e) => {
    over = true;
    source.close();
    const why = JSON.parse(e.data).why || {};
    say(box.dataset.ended + " " + (why[box.dataset.lang] || ""));
    term.options.disableStdin = true;
    term.options.cursorBlink = false;
    document.getElementById("seat-after").hidden = false; // no key goes in any more, and nothing is left to close
    document.getElementById("seat-close").hidden = true;
  });
  term.focus();
})();
