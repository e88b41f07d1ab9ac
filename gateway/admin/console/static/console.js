// Every page works without this: it copies, prints, and keeps tables fresh.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue; // only with TLS, or on this machine
  const source = document.getElementById(button.dataset.copy);
  const label = button.innerHTML;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.innerText.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.innerHTML = label; }, 2000);
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

const live = document.querySelector("[data-live]");
if (live) {
  const seconds = 10;
  setInterval(async () => {
    // Nobody's place is taken away: not while something in it is open, or has the focus.
    if (document.hidden || live.contains(document.activeElement)) return;
    if (live.querySelector("details[open]") || String(getSelection())) return;
    try {
      const answer = await fetch(location.href, { redirect: "error", cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector(`[data-live="${live.dataset.live}"]`);
      if (fresh) live.replaceChildren(...fresh.childNodes);
    } catch {
      // The gateway is away for the moment; the next time will tell.
    }
  }, seconds * 1000);
}
