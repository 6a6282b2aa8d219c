// Keys, and the overlay that lists them.

import { $, make } from './dom.js'

const marks = { ' ': 'space', ArrowDown: '↓', ArrowUp: '↑', PageUp: 'PgUp', PageDown: 'PgDn', Escape: 'Esc' }

// begin listens for keys: commands are [[key, …], what it does, fn]; a key of two characters or more is one that has a name.
export function begin(commands) {
  const byKey = new Map()
  for (const [keys, , fn] of commands) for (const key of keys) byKey.set(key, fn)
  $('keys').replaceChildren(...commands.filter(([, what]) => what).flatMap(([keys, what]) => [
    make('dt', null, ...keys.map(key => make('kbd', null, marks[key] ?? key))), make('dd', null, what),
  ]))
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
    const typing = event.target.matches('input, textarea, select')
    if (typing && event.key === 'Escape') { event.target.blur(); $('list').focus(); return }
    if (typing) return
    const onButton = event.target.matches('button, a') && (event.key === 'Enter' || event.key === ' ')
    const fn = byKey.get(event.key)
    if (!fn || onButton) return
    event.preventDefault()
    fn()
  })
}

export function help() {
  $('help').showModal()
}

$('help-button').addEventListener('click', help)
$('help').addEventListener('click', event => { if (event.target === $('help')) $('help').close() })
