// What a script can add: the pages do everything without it.
"use strict";

// Buttons and links that copy what a page of plain text holds; rows that arrive later have some too.
const canCopy = Boolean(navigator.clipboard);
if (canCopy) for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !canCopy || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const word = button.dataset.word || button.textContent;
  button.dataset.word = word;
  try {
    const answer = await fetch(button.dataset.copy);
    if (!answer.ok) throw new Error(answer.status);
    await navigator.clipboard.writeText(await answer.text());
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = word; }, 2000);
});

// JSON is checked while one types; the service checks it again.
for (const area of document.querySelectorAll("textarea[data-json]")) {
  const hint = document.getElementById(area.id + "-hint");
  const check = () => {
    hint.className = "hint";
    if (!area.value.trim()) { hint.textContent = ""; return; }
    try {
      JSON.parse(area.value);
      hint.textContent = "This is JSON.";
      hint.classList.add("good");
    } catch (error) {
      hint.textContent = "Not JSON yet" + place(area.value, String(error.message));
      hint.classList.add("bad");
    }
  };
  const refused = document.getElementById(area.id + "-wrong");
  area.addEventListener("input", () => { refused?.remove(); check(); });
  if (area.value && !refused) check();
}

// Where a text stops being JSON. Browsers say it in words of their own.
function place(text, message) {
  const named = /line (\d+) column (\d+)/.exec(message);
  if (named) return `: line ${named[1]}, column ${named[2]}`;
  const found = /at position (\d+)/.exec(message);
  if (!found) return "";
  const before = text.slice(0, Number(found[1])).split("\n");
  return `: line ${before.length}, column ${before.at(-1).length + 1}`;
}

// Who types a moment wants that moment.
for (const field of document.querySelectorAll("[data-chooses]")) {
  field.addEventListener("input", () => { document.getElementById(field.dataset.chooses).checked = true; });
}

// A slider shows what it stands at.
for (const field of document.querySelectorAll("[data-sends]")) {
  field.addEventListener("change", () => field.form.requestSubmit());
}

// "/" goes to the search.
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("q");
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key !== "/" || typing || !search || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// Forms that send themselves again until they are done, such as a long check.
const going = document.querySelector("form[data-continue]");
if (going) going.requestSubmit();

// What is followed live: one long poll at a time, paused while the page is hidden or its button says so.
const live = document.getElementById("live");
if (live) follow(live);

async function follow(list) {
  const dot = document.getElementById("dot");
  const word = document.getElementById("dot-word");
  const button = document.getElementById("pause");
  const show = (alive, text) => {
    dot.hidden = false;
    dot.classList.toggle("lost", !alive);
    word.textContent = text || (alive ? "live" : "not live: the service does not answer");
  };
  show(true);
  const reloads = document.getElementById("reloads"); // true only where scripts run
  if (reloads) reloads.hidden = false;
  let paused = false;
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      paused = !paused;
      button.textContent = paused ? "Resume" : "Pause";
      show(!paused, paused ? "paused" : "live");
    });
  }
  const change = (target, name) => new Promise((done) => target.addEventListener(name, done, { once: true }));
  let last = list.dataset.last;
  for (;;) {
    if (paused) { await change(button, "click"); continue; }
    if (document.hidden) { await change(document, "visibilitychange"); continue; }
    try {
      const address = new URL(list.dataset.url, location);
      address.searchParams.set("after", last);
      const answer = await fetch(address, { headers: { "X-Requested-With": "page" } });
      if (answer.status === 401) { show(false); return; }
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (paused) continue; // the same events are asked for again
      const now = answer.headers.get("Stateroom-Last");
      show(true);
      if (now !== last && "reload" in list.dataset) { location.reload(); return; }
      if (now !== last) putIn(list, text);
      last = now;
    } catch {
      show(false);
      await new Promise((later) => setTimeout(later, 3000));
    }
  }
}

const MOST_ROWS = 1000; // of a list that grows

function putIn(list, text) {
  const before = new Set(Array.from(list.querySelectorAll("[data-seq]"), (item) => item.dataset.seq));
  const part = document.createElement("template");
  part.innerHTML = text;
  if ("add" in list.dataset) list.prepend(part.content);
  else list.replaceChildren(part.content);
  for (const item of list.querySelectorAll("[data-seq]")) {
    item.classList.toggle("new", !before.has(item.dataset.seq));
  }
  while (list.children.length > MOST_ROWS) list.lastElementChild.remove();
  const none = document.getElementById("none");
  if (none && list.children.length) none.remove();
}
