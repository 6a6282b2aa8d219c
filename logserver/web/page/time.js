// What “Go to” takes.

const age = /^-(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/

// from returns what a read takes as from, of what was typed: an index, -N, an age, or a time; undefined for anything else.
export function from(text, now = new Date()) {
  text = text.trim().replaceAll(',', '')
  if (/^#?\d+$/.test(text)) return { index: Math.max(1, Number(text.replace('#', ''))) }
  if (/^-\d+$/.test(text)) return { back: Number(text.slice(1)) }
  if (age.test(text)) return { time: text }
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text)
  if (clock) {
    const d = new Date(now)
    d.setHours(Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0), 0)
    if (d > now) d.setDate(d.getDate() - 1) // the last time it was so late
    return { time: d.toISOString() }
  }
  const d = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text.replace(' ', 'T'))
  if (/^\d{4}-/.test(text) && !Number.isNaN(d.getTime())) return { time: d.toISOString() }
  return undefined
}
