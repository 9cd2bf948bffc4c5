// While mails go out, the page says by itself how far they have got, and is new when all have gone.

const every = 5000;

async function look() {
  const shown = document.querySelector("[data-progress]");
  if (!shown || document.hidden) return;
  try {
    const answer = await fetch(shown.dataset.progress, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-progress]");
    if (!fresh) return;
    shown.replaceWith(fresh);
    if (fresh.querySelector("progress") === null) {
      clearInterval(timer);
      location.reload();
    }
  } catch {
    // No connection: what stands there is what was known last.
  }
}

const timer = setInterval(look, every);
