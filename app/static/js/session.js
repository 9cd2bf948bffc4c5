// The session editor beside the agenda's own module: what clashes, whose evening it is, and the hours
// after a new start are asked of the server while one types. Without script "Check without saving"
// does the same.

const form = document.querySelector('form[data-session]');

for (const place of document.querySelectorAll('[data-print]')) {
  place.hidden = false;
  place.addEventListener('click', () => print());
}

/** The conflicts of each row, in the order of the rows. */
const rows = (root) => [...root.querySelectorAll('.agenda-rows > [data-row]')];

/** Puts what the server found into the page; the fields stay as they are. */
function show(fresh) {
  for (const name of ['session-conflicts', 'session-zones', 'session-state']) {
    const [here, there] = [document, fresh].map((d) => d.querySelector(`[data-${name}]`));
    if (here && there && here.innerHTML !== there.innerHTML) here.innerHTML = there.innerHTML;
  }
  const theirs = rows(fresh);
  rows(document).forEach((row, place) => {
    const found = theirs[place]?.querySelector('.conflicts');
    const old = row.querySelector('.conflicts');
    if (old?.outerHTML === found?.outerHTML) return;
    old?.remove();
    if (found) row.querySelector('.agenda-fields').append(document.importNode(found, true));
  });
}

/** After a new start or zone the hours of the rows begin elsewhere: the agenda is woken anew. */
async function wakeAgain(fresh) {
  const [here, there] = [document, fresh].map((d) => d.querySelector('[data-agenda]'));
  const same = ['start', 'minutes', 'at'].every((name) => here.dataset[name] === there.dataset[name]);
  if (same || here.contains(document.activeElement)) return;
  const next = document.importNode(there, true);
  here.replaceWith(next);
  const { agenda } = await import(`./agenda.js${new URL(import.meta.url).search}`);
  agenda(next);
}

function watch() {
  let waiting = 0;
  let asked = null;
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const body = new URLSearchParams(new FormData(form));
    body.set('action', 'check');
    try {
      const answer = await fetch(form.getAttribute('action'), { method: 'POST', body, signal: asked.signal });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      await wakeAgain(fresh);
      show(fresh);
    } catch { /* No connection, or asked again: what was shown stays, and saving tells. */ }
  };
  const soon = (event) => {
    if (event.target.closest?.('#somebody, .session-description')) return;
    clearTimeout(waiting);
    asked?.abort();
    waiting = setTimeout(ask, 700);
  };
  for (const kind of ['input', 'change', 'convoca:changed']) form.addEventListener(kind, soon);
  form.addEventListener('submit', () => { clearTimeout(waiting); asked?.abort(); });
}

/** Whoever chooses "somebody else" goes on where they are found. */
function somebodyElse(event) {
  if (event.target.value !== 'somebody-else') return;
  const find = document.getElementById('find');
  find.scrollIntoView({ block: 'center' });
  find.focus();
}

if (form) {
  // What came back unsaved is asked about before the page is left, as if it had just been typed.
  if ('unsaved' in form.dataset) form.dispatchEvent(new CustomEvent('convoca:changed'));
  const place = form.dataset.focus && document.getElementById(form.dataset.focus);
  if (place) {
    place.scrollIntoView({ block: 'center' });
    place.focus();
  }
  watch();
  form.addEventListener('change', somebodyElse);
}
