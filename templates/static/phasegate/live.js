// Keeps the parts of a project's page fresh while the project lives. Without it the page is complete all the same:
// it is as old as its last loading. Parts are replaced only where they differ, so that nobody loses their place.

const EVERY = 2000;
const MOST = 60000;

const root = document.querySelector("[data-live]");
let wait = EVERY;

function put(fresh) {
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const present = root.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!present || present.innerHTML === part.innerHTML) continue;
    if (present.contains(document.activeElement) && document.activeElement.tagName !== "BODY") {
      replaceKeepingFocus(present, part);
    } else {
      replaceKeepingScroll(present, part);
    }
  }
}

function replaceKeepingScroll(present, part) {
  const before = [...scrolling(present)].map((each) => each.scrollLeft);
  present.innerHTML = part.innerHTML;
  [...scrolling(present)].forEach((each, at) => { each.scrollLeft = before[at] ?? 0; });
}

function replaceKeepingFocus(present, part) {
  const reachable = "a[href], button, input, [tabindex]";
  const at = [...present.querySelectorAll(reachable)].indexOf(document.activeElement);
  replaceKeepingScroll(present, part);
  present.querySelectorAll(reachable)[at]?.focus({ preventScroll: true });
}

function scrolling(part) {
  return [part, ...part.querySelectorAll(".scrolls")];
}

async function refresh() {
  if (document.hidden) return schedule();
  try {
    const answer = await fetch(root.dataset.live, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const standing = fresh.querySelector('[data-part="standing"]');
    if (!standing) throw new Error("no project");
    put(fresh);
    wait = EVERY;
    if (standing.hasAttribute("data-over")) return undefined;
  } catch {
    wait = Math.min(wait * 2, MOST);
  }
  return schedule();
}

function schedule() {
  setTimeout(refresh, wait);
}

if (root && !root.hasAttribute("data-over")) schedule();
