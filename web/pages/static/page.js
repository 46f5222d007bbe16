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
    } catch {
      hint.textContent = "Not JSON yet" + place(area.value);
      hint.classList.add("bad");
    }
  };
  const refused = document.getElementById(area.id + "-wrong");
  area.addEventListener("input", () => { refused?.remove(); check(); });
  if (area.value && !refused) check();
}

// Where a text stops being JSON: it is read here, because browsers say it in words of their own, or not at all.
function place(text) {
  let at = 0;
  const read = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match?.[1];
  };
  const string = () => read(/\s*("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")/y);
  const value = () => {
    const open = read(/\s*([{[])/y);
    if (open === "[") return members(/\s*(\])/y, value, /\s*([,\]])/y);
    if (open === "{") return members(/\s*(\})/y, () => string() && read(/\s*(:)/y) && value(), /\s*([,}])/y);
    return string() || read(/\s*(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y);
  };
  const members = (end, member, next) => {
    let sign = read(end) || ",";
    while (sign === ",") sign = member() && read(next);
    return sign;
  };
  value();
  read(/(\s*)/y);
  const before = text.slice(0, at).split("\n");
  return `: line ${before.length}, column ${before.at(-1).length + 1}`;
}

// Who types a moment wants that moment.
for (const field of document.querySelectorAll("[data-chooses]")) {
  field.addEventListener("input", () => { document.getElementById(field.dataset.chooses).checked = true; });
}

// A slider shows what it stands at.
for (const field of document.querySelectorAll("[data-sends]")) {
  field.addEventListener("input", () => { field.nextElementSibling.value = field.value; });
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

// A page is followed live: after each event, and every few seconds for its relative times, it is fetched again, and
// what differs is put in; not while it is hidden, or its button says so.
const main = document.querySelector("main[data-live]");
if (main) follow(main.dataset.live, main.dataset.last);

async function follow(url, last) {
  const dot = document.getElementById("dot");
  const word = document.getElementById("dot-word");
  const button = document.getElementById("pause");
  const show = (alive, text) => {
    dot.hidden = false;
    dot.classList.toggle("lost", !alive);
    const words = text || (alive ? "live" : "not live: the service does not answer");
    if (word.textContent !== words) word.textContent = words; // which a screen reader reads out
  };
  show(true);
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
  const sleep = (time) => new Promise((later) => setTimeout(later, time));
  for (;;) {
    if (paused) { await change(button, "click"); continue; }
    if (document.hidden) { await change(document, "visibilitychange"); continue; }
    try {
      const event = await get(`${url}?after=${last}`);
      const begin = Date.now();
      const page = await get(location.href);
      if (event.status === 401 || page.redirected) { show(false, "not live: log in again"); return; }
      if (page.status === 404) { show(false, "not live: this is gone"); return; }
      if (!event.ok || !page.ok) throw new Error(page.status);
      const text = await page.text();
      if (paused) continue; // the same events are asked for again
      putIn(new DOMParser().parseFromString(text, "text/html"));
      show(true);
      const now = event.headers.get("Stateroom-Last");
      if (now !== last) for (const picture of document.querySelectorAll("main object:not(.behind)")) redraw(picture);
      last = now;
      await sleep(500 + 4 * (Date.now() - begin)); // however much happens, at most a fifth of the time
    } catch {
      show(false);
      await sleep(3000);
    }
  }
}

function get(url) {
  return fetch(url, { headers: { "X-Requested-With": "page" } });
}

function putIn(page) {
  if (canCopy) for (const button of page.querySelectorAll("button[data-copy]")) button.hidden = false;
  for (const part of ["header.top", "main"]) put(document.querySelector(part), page.querySelector(part));
}

// Makes a node like a fresh one of the same name; what a person has typed, opened or may still need stays.
function put(old, fresh) {
  if (old.isEqualNode(fresh) || isKept(old)) return;
  if (!(old instanceof Element)) { old.data = fresh.data; return; }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const match = find(next, child);
    if (!match) {
      if (child.dataset?.seq) child.classList.add("new");
      old.insertBefore(child, next);
      continue;
    }
    next = removeUntil(next, match).nextSibling;
    put(match, child);
  }
  removeUntil(next, null);
}

// The node from this one on that shows the same as a fresh one.
function find(node, fresh) {
  const sign = (each) => each.nodeName + (each.dataset?.seq || each.id || each.getAttribute?.("aria-labelledby") || "");
  if (!(fresh instanceof Element)) return node?.nodeName === fresh.nodeName ? node : null;
  while (node && sign(node) !== sign(fresh)) node = node.nextSibling;
  return node;
}

function removeUntil(node, end) {
  while (node !== end) {
    const next = node.nextSibling;
    if (!isKept(node)) node.remove();
    node = next;
  }
  return end;
}

function isKept(node) {
  if (!(node instanceof Element)) return false;
  return node.matches("[data-kept], object, details[open] form") || (node.matches("form") && isTouched(node));
}

function isTouched(form) {
  const fields = Array.from(form.elements);
  return fields.includes(document.activeElement) || fields.some((each) => (
    each.options ? Array.from(each.options).some((option) => option.selected !== option.defaultSelected)
      : each.checked !== each.defaultChecked || each.value !== (each.defaultValue ?? each.value)));
}

// A picture that is an object of its own is loaded behind the old one, which keeps its place and what is scrolled.
function redraw(old) {
  if (old.nextElementSibling?.classList.contains("behind")) old.nextElementSibling.remove(); // still loading
  const fresh = old.cloneNode();
  fresh.classList.add("behind");
  fresh.addEventListener("load", () => { old.remove(); fresh.classList.remove("behind"); }, { once: true });
  old.after(fresh);
}
