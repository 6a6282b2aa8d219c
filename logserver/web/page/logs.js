// The list of logs, with heads and rates.

import { $, make, say } from './dom.js'
import { askJSON } from './api.js'
import { bytes, number, rate } from './format.js'

const many = 12 // logs, beyond which they can be looked for
const drawn = 300 // of them that are in the list
const known = new Map() // name -> {head, bytes, rate, at}
const items = new Map()
let chosen = ''

export const headOf = name => known.get(name)?.head ?? 0
export const rateOf = name => known.get(name)?.rate ?? 0
export const sizeOf = name => known.get(name)?.bytes
export const names = () => [...known.keys()].filter(name => name.includes($('logs-filter').value.trim()))

// look asks for all logs once.
export async function look() {
  const { logs } = await askJSON('/logs')
  const now = performance.now()
  for (const { log, head, bytes } of logs) {
    const before = known.get(log)
    let pace = 0
    if (before) {
      pace = (head - before.head) / (now - before.at) * 1000
      pace = before.rate === 0 || pace === 0 ? pace : before.rate * 0.4 + pace * 0.6
    }
    known.set(log, { head, bytes, rate: Math.max(0, pace), at: now })
  }
  const gone = new Set(logs.map(({ log }) => log))
  for (const log of known.keys()) if (!gone.has(log)) known.delete(log)
  draw()
  return logs
}

export function choose(name) { chosen = name; draw() }

export function draw() {
  const all = names()
  say($('logs-count'), known.size ? number(known.size) : '')
  $('logs-filter').hidden = known.size <= many
  const shown = all.slice(0, drawn)
  if (chosen && !shown.includes(chosen)) shown.unshift(chosen)
  const list = $('logs')
  const wanted = shown.map(item)
  if (wanted.length !== list.children.length || wanted.some((element, i) => element !== list.children[i])) list.replaceChildren(...wanted)
  if (all.length > drawn) list.append(make('li.faint', null, `and ${number(all.length - drawn)} more: type to find them`))
  for (const name of items.keys()) if (!shown.includes(name)) items.delete(name)
}

function item(name) {
  let element = items.get(name)
  if (!element) {
    element = make('li', null, make('a', { href: `#${name}` }, make('span.log', null, name), make('span.head'), make('span.size.faint'), make('span.rate')))
    items.set(name, element)
  }
  const link = element.firstElementChild, [, head, size, pace] = link.children
  const log = known.get(name) ?? { head: 0, rate: 0 }
  say(head, number(log.head))
  say(size, log.bytes === undefined ? '' : `≈ ${bytes(log.bytes)}`)
  say(pace, log.rate >= 0.05 ? `${rate(log.rate)}/s` : '')
  if (name === chosen) link.setAttribute('aria-current', 'page')
  else link.removeAttribute('aria-current')
  return element
}

$('logs-filter').addEventListener('input', draw)
