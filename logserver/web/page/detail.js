// One entry, opened.

import { $, copy, facts, make, say, toast } from './dom.js'
import { ask, hasToken, path } from './api.js'
import { bytes, local, number, visible } from './format.js'
import { parse } from './json.js'
import * as tree from './tree.js'

let current // {log, index, text}
let asked = 0

export const shown = () => (current && !$('detail').hidden ? current : undefined)

// open shows an entry of a log; row is what the list has of it.
export async function open(log, index, row) {
  const turn = ++asked
  const panel = $('detail')
  if (panel.hidden) panel.hidden = false
  document.body.dataset.detail = 'open'
  current = { log, index }
  panel.ariaBusy = 'true' // what is below is still another entry
  say($('detail-title'), `${log} #${number(index)}`)
  const waiting = setTimeout(() => { if (turn === asked) note('reading…') }, 300)
  try {
    const answer = await ask(path(log, { from: index, read: 1, follow: false }))
    const line = (await answer.text()).split('\n', 1)[0]
    if (turn === asked) show(line, row)
  } catch (err) {
    if (turn === asked) note(err.message)
  } finally {
    clearTimeout(waiting)
    if (turn === asked) panel.ariaBusy = 'false'
  }
}

function note(text) {
  facts($('detail-facts'), [])
  $('tree').replaceChildren(make('p.faint', null, text))
}

function show(line, row) {
  const at = line.indexOf('"entry":')
  if (at < 0) {
    const said = JSON.parse(line)
    return note(said.error ? `${said.error}: the server can't give this entry` : 'there is no such entry yet')
  }
  const head = JSON.parse(line.slice(0, at - 1) + '}')
  current.text = line.slice(at + 8, -1)
  const hash = make('button.hash.mono', { type: 'button', title: 'Copy the hash' }, head.hash)
  hash.addEventListener('click', () => copy(head.hash, 'Hash'))
  const pairs = [
    ['Time', make('time', { dateTime: head.time, title: head.time }, local(head.time), make('small', null, head.time))],
    ['SHA-256', hash],
    ['Size', bytes(new TextEncoder().encode(current.text).length)],
  ]
  if (head.key) pairs.splice(1, 0, ['Key', make('span.mono', { dir: 'auto' }, visible(head.key))])
  if (row?.result) pairs.push(['jq', make('span.mono', { dir: 'auto' }, visible(row.text))])
  if (row?.error === 'jq') pairs.push(['jq', make('span.wrong', { dir: 'auto' }, visible(row.reason))])
  facts($('detail-facts'), pairs)
  try {
    tree.show($('tree'), parse(current.text))
  } catch {
    $('tree').replaceChildren(make('pre', { dir: 'auto' }, visible(current.text.slice(0, 100_000))))
  }
}

export function close() {
  asked++
  $('detail').hidden = true
  delete document.body.dataset.detail
}

// commands are what is copied, for the server that this page is from. Of a token they name the variable that has it.
function commands() {
  const { log, index } = current
  const bearer = hasToken() ? ` -H "Authorization: Bearer $RINGLOG_TOKEN"` : ''
  const { protocol, hostname, origin } = location
  const port = location.port || (protocol === 'https:' ? 443 : 80)
  const host = hostname.replace(/^\[|\]$/g, '')
  const line = `{"from":${index},"read":1,"follow":false,"meta":true,"log":"${log}"}`
  const said = hasToken() ? `printf '{"auth":"%s"}\\n%s\\n' "$RINGLOG_TOKEN" '${line}'` : `printf '%s\\n' '${line}'`
  return {
    curl: `curl${bearer} '${origin}/logs/${log}?from=${index}&read=1&follow=false&meta=true'`,
    nc: `${said} | ${protocol === 'https:' ? 'ncat --ssl' : 'nc -N'} ${host} ${port}`,
    link: `${origin}/#${log}/${index}`,
    entry: current.text,
  }
}

const names = { curl: 'curl command', nc: 'nc command', link: 'Link', entry: 'Entry' }

// copyAs copies one of the commands.
export function copyAs(what) {
  if (!shown()) return
  const text = commands()[what]
  if (text === undefined) return toast('Not read yet')
  copy(text, names[what])
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => copyAs(button.dataset.copy))
}
$('tree').addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !tree.keys(event, $('tree'))) return
  event.preventDefault()
  event.stopPropagation()
})
