// Numbers, times and texts as people read them.

const whole = new Intl.NumberFormat('en')
export const number = n => whole.format(n)

export function rate(n) {
  if (n >= 10) return number(Math.round(n))
  return n >= 0.05 ? n.toFixed(1) : '0'
}

// plural returns "1 entry", "2 entries".
export const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`

export function bytes(n) {
  if (n < 1024) return `${n} B`
  let unit = -1
  do { n /= 1024; unit++ } while (n >= 1023.5 && unit < 5)
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][unit]}`
}

export function milliseconds(n) {
  if (n === 0) return '–'
  return n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : number(Math.round(n))
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`
}

const two = n => String(n).padStart(2, '0')
const clockOf = d => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`
const dayOf = d => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`

// clock returns the time of day, here, of a time as the server writes it, with the day unless it is today.
export function clock(time, today = new Date()) {
  const d = new Date(time)
  if (Number.isNaN(d.getTime())) return ''
  return dayOf(d) === dayOf(today) ? clockOf(d) : `${dayOf(d).slice(5)} ${clockOf(d).slice(0, 8)}`
}

export const local = time => { const d = new Date(time); return `${dayOf(d)} ${clockOf(d)}` }

// Characters that are not seen, or that change the direction of what stands around them.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

// visible writes such characters as JSON escapes, so that what is shown is what is there.
export const visible = text => text.replace(unseen, c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
