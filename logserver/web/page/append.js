// The box that appends.

import { $, say } from './dom.js'
import { ask, onToken } from './api.js'
import { number, plural } from './format.js'

let logOf = () => 'main'

function tell(text, state) {
  const said = $('append-said')
  said.hidden = !text
  said.dataset.state = state ?? ''
  say(said, text)
}

// body returns what is sent: one entry of any shape on one line, or what was typed, an entry a line.
function body(text) {
  try {
    JSON.parse(text)
    return text.replace(/[\r\n]+/g, ' ') // no string has a line break in it
  } catch {
    return text
  }
}

async function submit() {
  const area = $('entry'), key = $('entry-key').value, text = area.value.trim()
  if (!text || $('append-button').disabled) return
  $('append-button').disabled = true
  tell('appending…')
  try {
    const headers = key ? { 'Idempotency-Key': key } : {}
    const answer = await ask(`/logs/${encodeURIComponent(logOf())}`, { method: 'POST', body: body(text), headers })
    const { index, count, duplicate } = await answer.json()
    tell(`${plural(count, 'entry', 'entries')} ${duplicate ? 'had been' : ''} appended at ${number(index)}`.replace('  ', ' '), 'good')
    area.value = ''
    resize()
  } catch (err) {
    if (err.status === 403 || err.status === 401) forbid(err)
    else tell(err.status ? `${err.said.line ? `line ${err.said.line}: ` : ''}${err.message}` : `no answer: it may have been appended${key ? '; with the same key it can be sent again' : ''}`, 'bad')
  } finally {
    $('append-button').disabled = false
  }
}

// forbid explains that this token does not append, and takes the box away until there is another.
function forbid(err) {
  $('append').dataset.forbidden = 'true'
  tell(err.status === 401 ? 'Appending wants a token.' : `This token may not append here: ${err.message}`, 'bad')
}

function allow() {
  delete $('append').dataset.forbidden
  tell('')
}

// resize makes the box as high as its text, up to a limit that the style has.
function resize() {
  const area = $('entry')
  area.style.height = 'auto'
  area.style.height = `${area.scrollHeight + 2}px`
}

// begin has the box append to the log that is shown.
export function begin(log) {
  logOf = log
  onToken(allow)
  $('append').addEventListener('submit', event => { event.preventDefault(); submit() })
  $('entry').addEventListener('input', resize)
  $('entry').addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submit() }
  })
}

export const reset = allow
