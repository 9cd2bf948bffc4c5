// The page to join: how long it takes until the button is there, and the button when it is time.
// Nothing is asked of the server for it: thousands wait for the same minute.

const lang = document.documentElement.lang || 'en';
const still = matchMedia('(prefers-reduced-motion: reduce)');

let place;
let ahead; // of this device's clock: the server's counts, those of telephones are wrong now and then
let waiting = [];

const now = () => Date.now() + ahead;

function left(instant) {
  const format = new Intl.RelativeTimeFormat(lang, { numeric: 'always' });
  const seconds = Math.max(0, Math.round((instant - now()) / 1000));
  if (seconds < 60) return still.matches ? format.format(1, 'minute') : format.format(seconds, 'second');
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 90) return format.format(minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 36 ? format.format(hours, 'hour') : format.format(Math.round(hours / 24), 'day');
}

function count() {
  const time = place.querySelector('[data-countdown]');
  if (!time) return;
  const words = left(Date.parse(time.dateTime));
  if (time.textContent !== words) time.textContent = words;
}

/** Puts the button where it was said that it would appear. */
function appear() {
  const before = place.querySelector('[data-join-before]');
  if (!before) return;
  const { joinAction, joinButton, joinNote, joinSaid } = place.dataset;
  const form = document.createElement('form');
  form.method = 'post';
  form.action = joinAction;
  form.className = 'actions';
  const button = document.createElement('button');
  button.className = 'button button-primary button-large';
  button.textContent = joinButton;
  form.append(button);
  const note = document.createElement('p');
  note.className = 'quiet';
  note.textContent = joinNote;
  before.replaceWith(form, note);
  place.querySelector('[data-join-status]').textContent = joinSaid;
}

const later = (milliseconds, act) => waiting.push(setTimeout(act, milliseconds));

/** Runs at an instant by the server's clock, also after the device has slept. */
function at(instant, act) {
  if (now() >= instant) act();
  else later(Math.min(instant - now() + 20, 15_000), () => at(instant, act));
}

/** Not all of the thousands at once. */
const soon = (seconds) => later(seconds * 1000 * (1 + Math.random()), () => location.reload());

function wake() {
  waiting.forEach(clearTimeout);
  waiting = [];
  place = document.querySelector('[data-join]');
  if (!place) return;
  const { joinNow, joinOpens, joinEnds, joinReload } = place.dataset;
  ahead = Date.parse(joinNow) - Date.now();
  if (joinReload) soon(Number(joinReload));
  if (joinOpens) {
    const tick = () => { count(); later(1000, tick); };
    tick();
    at(Date.parse(joinOpens), appear);
  }
  if (now() < Date.parse(joinEnds)) at(Date.parse(joinEnds), () => soon(20));
}

wake();
document.addEventListener('convoca:fresh', wake);
// The link leads elsewhere than it did when this page was made: made anew, it may lead there.
addEventListener('securitypolicyviolation', (event) => {
  if (place && event.effectiveDirective === 'form-action') location.reload();
});
