// Lists that go on: while the page is seen, what has data-live is fetched again and put in its place.

const EVERY_MS = 3000;

async function renew() {
  const place = document.querySelector("[data-live]");
  if (document.hidden || !place || place.contains(document.activeElement) && document.activeElement !== place) return;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (fresh && fresh.innerHTML !== place.innerHTML) place.replaceChildren(...fresh.childNodes);
  } catch {
    // The collector is away: what was seen last stays, and the next time counts.
  }
}

setInterval(renew, EVERY_MS);
