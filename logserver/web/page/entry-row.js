// A row of the list.

import { make, say } from './dom.js'
import { bytes, clock, number, visible } from './format.js'
import { preview } from './preview.js'

// fill puts an entry into a row of the list, and tells whether there was one.
export function fill(element, row, index) {
  if (!element.firstChild) element.append(make('span.index'), make('time'), make('span.text', { dir: 'ltr' }), make('span.size'))
  const [at, time, text, size] = element.children
  say(at, index ? number(index) : '')
  if (element.row === row && row) return true
  element.row = row
  element.classList.toggle('waiting', !row)
  element.classList.toggle('lost', Boolean(row?.error))
  say(time, row?.time ? clock(row.time) : '')
  time.title = row?.time ?? ''
  say(size, row?.size > 1024 ? bytes(row.size) : '')
  if (!row) text.replaceChildren()
  else if (row.error) text.replaceChildren(row.error === 'jq' ? `jq failed: ${visible(row.reason ?? '')}` : visible(row.error))
  else text.replaceChildren(preview(row.text, row.cut))
  return Boolean(row)
}
