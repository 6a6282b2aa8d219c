// The beginning of an entry on one line, its parts in colours.

import { make } from './dom.js'
import { visible } from './format.js'

const part = /("(?:[^"\\]|\\.)*"?)(\s*:)?|-?[0-9][0-9.eE+-]*|true|false|null|[^"\-0-9tfn]+|./g
const shown = 360 // characters

const kindOf = (text, quoted, colon) =>
  quoted ? (colon ? 'name' : 'string') : /^[-0-9]/.test(text) ? 'number' : /^(true|false|null)$/.test(text) ? 'word' : ''

// preview returns what stands for a text: elements whose content is text.
export function preview(text, cut) {
  const whole = text.length <= shown
  const fragment = document.createDocumentFragment()
  const add = (text, kind) => fragment.append(kind ? make('span.' + kind, null, visible(text)) : visible(text))
  for (const [all, quoted, colon] of text.slice(0, shown).matchAll(part)) {
    add(quoted ?? all, kindOf(all, quoted, colon))
    if (colon) add(colon)
  }
  if (!whole || cut) fragment.append('…')
  return fragment
}
