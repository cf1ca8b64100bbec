// The page of a run: starts the waterfall, follows links to spans, and keeps up with a running run.

import { watchCopyButtons } from "./copy.js";
import { watchHints } from "./hints.js";
import { watchMoreLinks } from "./more.js";
import { Saved, Server } from "./source.js";
import { Waterfall } from "./waterfall.js";

const RUNNING_MS = 2000, SETTLED_MS = 20000;

const root = document.getElementById("run");
const saved = document.getElementById("saved");
const source = saved ? new Saved(JSON.parse(saved.textContent)) : new Server(root.dataset.run);
const waterfall = new Waterfall(document.getElementById("waterfall"), source);

watchCopyButtons();
watchHints(root);
const lookForMore = watchMoreLinks(root);
lookForMore();

async function followHash() {
  const [, trace, span] = location.hash.match(/^#span=(\w+)\/(\w+)$/) ?? [];
  if (!span) return;
  for (const open of document.querySelectorAll(":popover-open")) open.hidePopover();
  await waterfall.find(trace, span);
}

root.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-span]");
  // The hash does not change when the same link is followed again.
  if (link && link.hash === location.hash) followHash();
});
addEventListener("hashchange", followHash);

/** The page anew, its parts in place of the old ones. Not while a hint is being read. */
async function refreshPage() {
  if (document.querySelector(":popover-open")) return false;
  const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  if (!response.ok) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!page.getElementById("details")) return false;
  for (const name of ["verdict", "details"]) {
    document.getElementById(name)?.replaceChildren(...page.getElementById(name).childNodes);
  }
  document.title = page.title;
  root.dataset.status = page.getElementById("run").dataset.status;
  lookForMore();
  return true;
}

async function keepUp() {
  if (!document.hidden) {
    try {
      const { version } = await source.version();
      if (version !== root.dataset.version && (await refreshPage())) {
        await waterfall.load();
        root.dataset.version = version;
      }
    } catch {
      // the collector is gone or restarts: what is shown stays, and it is asked again
    }
  }
  setTimeout(keepUp, root.dataset.status === "running" ? RUNNING_MS : SETTLED_MS);
}

try {
  await waterfall.load();
  await followHash();
} catch (error) {
  document.getElementById("wf-note").textContent = error.message;
}
performance.mark("waterfall");
if (!saved) setTimeout(keepUp, RUNNING_MS);
