"use strict";

// Everything works without this file; it adds three comforts.

// 1. The log of a trial, as it is written.
(() => {
  const log = document.getElementById("log");
  if (!log || !log.dataset.events || !window.EventSource) return;
  const state = document.getElementById("log-state");
  const say = (what) => { if (state) state.textContent = state.dataset[what] || ""; };
  // As the server does: no terminal colours, a mark for other control characters.
  const plain = (s) => s.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, "").replace(/\r\n/g, "\n")
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  let fresh = false;
  const source = new EventSource(log.dataset.events);
  source.addEventListener("open", () => {
    say("live");
    if (!fresh) { log.textContent = ""; fresh = true; } // the stream tells it from the start
  });
  source.addEventListener("log", (e) => {
    const event = JSON.parse(e.data);
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    log.append(plain(event.text || ""));
    if (atEnd) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("end", () => {
    source.close();
    say("done");
    location.reload();
  });
})();

// 2. A form that takes long says so, and is sent once.
document.addEventListener("submit", (e) => {
  const form = e.target;
  if (form.dataset.sent) { e.preventDefault(); return; }
  if (!form.dataset.busy) return;
  form.dataset.sent = "1";
  const busy = form.querySelector(".busy");
  if (busy) busy.textContent = form.dataset.busy;
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// 3. An error is where the eye and the screen reader go first.
document.querySelector(".notice.bad")?.scrollIntoView({ block: "center" });
