// "in 20 minutes", "yesterday": beside a date, never instead of it.

/** Days between the calendar dates of two instants in a zone: 35 hours may be "in two days". */
function calendarDays(instant, now, zone) {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit',
  });
  const day = (moment) => Date.parse(`${parts.format(moment)}T00:00:00Z`) / 86_400_000;
  return day(instant) - day(now);
}

/**
 * The words for the way from now to an instant (both in milliseconds), in the language of `format`.
 * Minutes up to an hour, hours up to six or within the day, then days as the calendar in `zone`
 * counts them, weeks from two on, months from two on, years from two on.
 */
export function relativeWords(instant, now, format, zone) {
  const minutes = Math.round((instant - now) / 60_000);
  const days = calendarDays(instant, now, zone);
  if (Math.abs(minutes) < 60) return format.format(minutes, 'minute');
  if (days === 0 || Math.abs(minutes) < 360) {
    return format.format(Math.trunc(minutes / 60), 'hour');
  }
  if (Math.abs(days) < 14) return format.format(days, 'day');
  if (Math.abs(days) < 61) return format.format(Math.trunc(days / 7), 'week');
  if (Math.abs(days) < 731) return format.format(Math.trunc(days / 30.44), 'month');
  return format.format(Math.trunc(days / 365.25), 'year');
}

let timer;

/** Fills the place beside every <time data-relative>, and keeps it right while the page is open. */
export function relativeTimes() {
  if (!Intl.RelativeTimeFormat) return;
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'auto' });
  const zone = document.documentElement.dataset.zone || undefined;
  const fill = () => {
    for (const time of document.querySelectorAll('time[data-relative]')) {
      const place = time.parentElement.querySelector('.when-relative');
      const instant = Date.parse(time.dateTime);
      if (place && !Number.isNaN(instant)) {
        const words = relativeWords(instant, Date.now(), format, zone);
        if (place.textContent !== words) place.textContent = words;
      }
    }
  };
  fill();
  clearInterval(timer);
  if (document.querySelector('time[data-relative]')) timer = setInterval(fill, 30_000);
}
