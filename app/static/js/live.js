// A page that is live: what the server says is put where the page has it already. The line is cut
// now and then; the page says so in words, with the time, and the browser comes back by itself.

let room;
let status;
const silence = 40_000; // the server says something more often than that
const again = 3_000;

/** "10:42" where the reader lives. */
function hour(instant) {
  const timeZone = document.documentElement.dataset.zone || undefined;
  const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone });
  return clock.format(instant);
}

let source;
let heard = Date.now();
let lost = false;
let coming;

function say(words) {
  if (status && status.textContent !== words) status.textContent = words;
}

/** Something came: the page is as it is now. */
function alive() {
  heard = Date.now();
  lost = false;
  document.documentElement.removeAttribute('data-live-stale');
  say(status?.dataset.live ?? '');
}

function gone() {
  if (lost) return;
  lost = true;
  document.documentElement.setAttribute('data-live-stale', '');
  say((status?.dataset.liveLost ?? '').replace('{time}', hour(heard)));
}

const put = (place, words) => { if (place.textContent !== words) place.textContent = words; };

function fill(row, item) {
  for (const place of row.querySelectorAll('[data-field]')) put(place, String(item[place.dataset.field] ?? ''));
  for (const bar of row.querySelectorAll('[data-field-bar]')) {
    const [value, whole] = item[bar.dataset.fieldBar];
    bar.max = Math.max(whole, 1);
    bar.value = value;
  }
  for (const link of row.querySelectorAll('[data-field-mail]')) {
    const address = item[link.dataset.fieldMail];
    link.hidden = !address || item.here;
    link.href = `mailto:${address}`;
  }
}

/** Rows are filled anew where they stand, so that focus and selection are not taken away. */
function list(place, items) {
  const template = place.querySelector('template');
  const rows = [...place.children].filter((each) => each !== template);
  rows.slice(items.length).forEach((row) => row.remove());
  items.forEach((item, i) => {
    let row = rows[i];
    if (!row) {
      row = template.content.firstElementChild.cloneNode(true);
      template.before(row);
    }
    fill(row, item);
  });
}

function show(state) {
  if (state.page !== room.dataset.livePage) {
    // Another page by now: before it opens, open, over. Not again and again, if clocks differ.
    const key = `live ${location.pathname}`;
    const before = Number(sessionStorage.getItem(key)) || 0;
    if (Date.now() - before > 15_000) {
      sessionStorage.setItem(key, String(Date.now()));
      location.reload();
      return;
    }
  }
  for (const place of room.querySelectorAll('[data-live-text]')) put(place, state[place.dataset.liveText] ?? '');
  for (const place of room.querySelectorAll('[data-live-list]')) list(place, state[place.dataset.liveList]);
  for (const place of room.querySelectorAll('[data-live-none]')) place.hidden = state[place.dataset.liveNone].length > 0;
}

function comeBack() {
  source?.close();
  clearTimeout(coming);
  // Not all at the same moment, where a hundred were sent away at once.
  coming = setTimeout(open, again * (0.5 + Math.random()));
}

/** The server answered with something else than a stream: busy, or the way to sign in. */
async function refused() {
  try {
    const answer = await fetch(location.href, { method: 'HEAD', redirect: 'manual' });
    if (answer.type === 'opaqueredirect') { signedOut(); return; }
  } catch { /* No connection. */ }
  comeBack();
}

function signedOut() {
  source?.close();
  clearTimeout(coming);
  clearInterval(watchdog);
  gone();
  say(status?.dataset.liveOut ?? '');
}

function open() {
  source = new EventSource(room.dataset.liveEvents);
  source.addEventListener('state', (event) => { alive(); show(JSON.parse(event.data)); });
  source.addEventListener('beat', alive);
  source.addEventListener('signed-out', signedOut);
  source.addEventListener('error', () => {
    gone();
    if (source.readyState === EventSource.CLOSED) refused();
  });
}

// A line can be dead without having been cut: a laptop that slept, a wireless network that is gone.
const watchdog = setInterval(() => {
  if (room && Date.now() - heard > silence) { gone(); heard = Date.now() - silence / 2; comeBack(); }
}, 5_000);

function wake() {
  source?.close();
  clearTimeout(coming);
  room = document.querySelector('[data-live-events]');
  status = document.querySelector('[data-live-status]');
  if (room) open();
}

wake();
document.addEventListener('convoca:fresh', wake); // times are told by another zone from now on
addEventListener('pagehide', () => { source?.close(); clearTimeout(coming); });
addEventListener('pageshow', (event) => { if (event.persisted) wake(); });
