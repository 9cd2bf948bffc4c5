// "in 20 minutes", "yesterday": beside a date, never instead of it.

const units = [
  ['year', 31_557_600], ['month', 2_629_800], ['week', 604_800], ['day', 86_400],
  ['hour', 3_600], ['minute', 60],
];

/** The words for the way from now to an instant (milliseconds), in the page's language. */
export function relativeWords(instant, now, format) {
  const seconds = (instant - now) / 1000;
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size * (unit === 'minute' ? 1 : 0.95)) {
      return format.format(Math.round(seconds / size), unit);
    }
  }
  return format.format(0, 'minute');
}

let timer;

/** Fills the place beside every <time data-relative>, and keeps it right while the page is open. */
export function relativeTimes() {
  if (!Intl.RelativeTimeFormat) return;
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'auto' });
  const fill = () => {
    for (const time of document.querySelectorAll('time[data-relative]')) {
      const place = time.parentElement.querySelector('.when-relative');
      const instant = Date.parse(time.dateTime);
      if (place && !Number.isNaN(instant)) {
        const words = relativeWords(instant, Date.now(), format);
        if (place.textContent !== words) place.textContent = words;
      }
    }
  };
  fill();
  clearInterval(timer);
  if (document.querySelector('time[data-relative]')) timer = setInterval(fill, 30_000);
}
