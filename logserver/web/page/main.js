// The page: which log is shown, how it is followed, and what keys and buttons do.

import { $, say, toast } from './dom.js'
import { lines, onToken, path } from './api.js'
import { bytes, number, plural, rate } from './format.js'
import * as append from './append.js'
import * as detail from './detail.js'
import * as keys from './keys.js'
import * as logs from './logs.js'
import * as status from './status.js'
import * as theme from './theme.js'
import { Entries } from './entries.js'
import { fill } from './entry-row.js'
import { from } from './time.js'
import { List } from './list.js'
import { Search } from './search.js'

let log = '' // the name of the one that is shown
let source // of rows
let live = true // as the person wants it
let seenHead = 0 // when the list was left by

const list = new List($('list'), {
  fill: (element, at) => fill(element, source?.at(at), source?.indexOf(at)),
  see: (first, last) => source?.see(first, last),
  leave: atEnd => { if (atEnd !== live) setLive(atEnd) },
})

// choose shows a log, at its newest entries or at an index.
function choose(name, index) {
  if (name !== log) {
    log = name
    say($('log-name'), name)
    document.title = `${name} – Ringlog`
    logs.choose(name)
    append.reset()
    detail.close()
    renew()
  }
  if (index) go(index, true)
  show('entries')
}

// renew makes another source: of all entries, or of those that a filter passes.
function renew() {
  source?.end()
  const text = $('filter').value.trim(), head = logs.headOf(log)
  const told = { changed, state: tell, failed }
  source = text ? new Search(log, head, { [$('filter-kind').value]: text }, told) : new Entries(log, head, told)
  list.selected = -1
  list.stick = true
  notice('')
  list.setCount(source.count)
  list.refresh()
  setLive(true)
  changed(0)
}

// changed is called by the source when it has others.
function changed(shift) {
  list.setCount(source.count, shift)
  list.refresh()
  const log = $('empty')
  log.hidden = source.count > 0
  if (source.count === 0) {
    say(log, !$('filter').value.trim() ? 'No entries yet. What is appended shows up here.' : source.searching ? 'Searching…' : 'No entry passes the filter.')
  }
  headline()
}

function headline() {
  const head = Math.max(logs.headOf(log), source.head), parts = [plural(head, 'entry', 'entries')]
  const size = logs.sizeOf(log)
  if (size) parts.push(`≈ ${bytes(size)}`)
  parts.push(`${rate(logs.rateOf(log))}/s`)
  say($('log-facts'), parts.join(' · '))
  const unseen = source instanceof Entries ? head - seenHead : 0
  $('newer').hidden = live || unseen <= 0
  if (!$('newer').hidden) say($('newer'), `↓ ${number(unseen)} newer`)
}

function setLive(on) {
  live = on
  list.stick = on
  if (on) {
    source.begin()
    list.setCount(source.count)
    list.move(list.last)
  } else {
    source.pause()
    seenHead = source.head
  }
  tell(on ? 'live' : 'paused')
  headline()
}

// tell shows how the source follows: live, sampling, paused, lost.
function tell(state) {
  if (!live) state = 'paused'
  else if (source.sampling) state = 'sampling'
  const button = $('live')
  button.dataset.state = state
  button.ariaPressed = String(live)
  say(button.lastElementChild, { live: 'Live', sampling: 'Sampling', paused: 'Paused', lost: 'Reconnecting' }[state])
  button.disabled = false
  if (state === 'sampling') notice(`${rate(source.pace)} entries a second: the newest are shown a few times a second, not each of them. Pause to read; nothing is left out then.`, 'sampling')
  else if ($('notice').dataset.kind === 'sampling') notice('')
  if (source instanceof Search && !source.broken) {
    const reach = source.from > 1 ? `searched back to #${number(source.from)}` : 'all searched'
    const wrong = source.wrong ? ` · the program failed on ${plural(source.wrong, 'entry', 'entries')}: ${source.reason}` : ''
    notice(`${plural(source.count, 'result', 'results')} · ${source.searching ? 'searching… ' : ''}${reach}${wrong}`, 'search')
  }
}

function notice(text, kind = '') {
  $('notice').hidden = !text
  $('notice').dataset.kind = kind
  say($('notice'), text)
}

function failed(err) {
  if (err.status === 401) return
  notice(err.message, 'failed')
}

// go shows an index in the middle of the list.
function go(index, opened) {
  setLive(false)
  const at = source.positionOf(Math.min(index, source.head))
  list.show(at)
  list.select(at)
  if (opened) open()
}

async function jump(text) {
  const to = from(text)
  if (!to) return toast('Want an index, a time, or an age')
  if (to.back !== undefined) to.index = Math.max(1, source.head - to.back + 1)
  if (to.time) {
    to.index = source.head
    try {
      await lines(path(log, { from: to.time, read: 1, follow: false }), rows => { to.index = rows[0].index ?? to.index })
    } catch (err) { return failed(err) }
  }
  if (to.index > source.head) toast(`The log ends at ${number(source.head)}`)
  go(to.index)
  $('jump').value = ''
  $('list').focus()
}

function open() {
  const index = source.indexOf(list.selected)
  if (list.selected < 0 || !index) return
  detail.open(log, index, source.at(list.selected))
  history.replaceState(null, '', `#${log}/${index}`)
}

function close() {
  detail.close()
  history.replaceState(null, '', `#${log}`)
  $('list').focus()
}

// step moves the selection.
function step(by) {
  if (live) setLive(false)
  list.select(list.selected < 0 ? Math.floor(by < 0 ? list.count - 1 : list.top) : list.selected + by)
  if (detail.shown()) open()
}

function show(view) {
  document.body.dataset.view = view
  for (const tab of document.querySelectorAll('.tabs button')) {
    if (tab.dataset.view === view) tab.setAttribute('aria-current', 'page')
    else tab.removeAttribute('aria-current')
  }
  if (view === 'server') status.redraw()
  list.measure()
}

function nextLog(by) {
  const all = logs.names(), at = all.indexOf(log)
  if (all.length) location.hash = all[(at + by + all.length) % all.length]
}

function route() {
  const [name, index] = decodeURIComponent(location.hash.slice(1)).split('/')
  const valid = /^[A-Za-z0-9-][A-Za-z0-9._-]{0,127}$/.test(name)
  choose(valid ? name : logs.headOf('main') || !logs.names().length ? 'main' : logs.names()[0], Number(index) || 0)
}

// poll asks for logs and status again and again while the page is seen.
async function poll() {
  for (let slow = 1000; ;) {
    const began = performance.now()
    if (!document.hidden) {
      try {
        await Promise.all([logs.look(), status.look()])
        source?.grown(logs.headOf(log))
        headline()
      } catch (err) {
        status.health('bad', err.status ? err.message : 'no answer from the server')
      }
    }
    slow = Math.max(1000, (performance.now() - began) * 5) // many logs are asked for less often
    await new Promise(resolve => setTimeout(resolve, slow))
  }
}

// hints are shorter where there are no keys.
function hints() {
  $('filter').placeholder = 'Filter'
  $('jump').placeholder = 'Go to'
  $('entry').placeholder = '{"hello":"world"}'
}

async function begin() {
  theme.begin(() => status.redraw())
  append.begin(() => log)
  if (matchMedia('(pointer: coarse)').matches) hints()
  await logs.look().catch(() => {})
  route()
  poll()
}

addEventListener('hashchange', route)
onToken(() => { logs.look().catch(() => {}).then(renew) })
document.addEventListener('visibilitychange', () => { if (live) document.hidden ? source?.pause() : source?.begin() })

$('live').addEventListener('click', () => setLive(!live))
$('newer').addEventListener('click', () => setLive(true))
$('filter-form').addEventListener('submit', event => { event.preventDefault(); clearTimeout(typed); renew(); $('list').focus() })
let typed // a timer
$('filter').addEventListener('input', () => { // a text is searched for as it is typed, a program when it is sent
  clearTimeout(typed)
  if ($('filter-kind').value === 'contains') typed = setTimeout(renew, 400)
})
$('filter').addEventListener('search', () => { if (!$('filter').value) renew() })
$('filter-kind').addEventListener('change', () => {
  $('filter').placeholder = $('filter-kind').value === 'jq' ? 'select(.room == "kitchen")' : 'Filter  /'
  if ($('filter').value) renew()
  $('filter').focus()
})
$('jump-form').addEventListener('submit', event => { event.preventDefault(); jump($('jump').value) })
$('list').addEventListener('click', event => {
  const row = event.target.closest('.row')
  if (!row) return
  setLive(false)
  list.select(Number(row.dataset.at))
  open()
})
$('close').addEventListener('click', close)
$('older').addEventListener('click', () => step(-1))
$('later').addEventListener('click', () => step(1))
for (const tab of document.querySelectorAll('.tabs button')) tab.addEventListener('click', () => show(tab.dataset.view))

const page = by => { if (live && by < 0) setLive(false); list.move(list.top + by * (list.perPage - 1)) }
keys.begin([
  [['j', 'ArrowDown'], 'next entry', () => step(1)],
  [['k', 'ArrowUp'], 'previous entry', () => step(-1)],
  [['Enter', 'o'], 'open the entry', open],
  [['Escape'], 'close', close],
  [[' ', 'p'], 'pause, or follow again', () => setLive(!live)],
  [['PageUp'], 'a page back', () => page(-1)],
  [['PageDown'], 'a page on', () => page(1)],
  [['Home'], 'first entry', () => { setLive(false); list.move(0); list.select(0) }],
  [['End', 'G'], 'newest entries', () => setLive(true)],
  [['g'], 'go to an index or time', () => $('jump').focus()],
  [['/'], 'filter', () => $('filter').focus()],
  [['n'], 'append', () => { show('entries'); $('entry').focus() }],
  [['['], 'previous log', () => nextLog(-1)],
  [[']'], 'next log', () => nextLog(1)],
  [['c'], 'copy the entry as curl', () => detail.copyAs('curl')],
  [['y'], 'copy the entry', () => detail.copyAs('entry')],
  [['t'], 'light, dark, or as the system', () => { theme.next(); status.redraw() }],
  [['?'], 'this list', keys.help],
])
begin()
