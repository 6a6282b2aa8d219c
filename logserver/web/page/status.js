// What the server says of itself: health, activity, disk, readers, members.

import { $, facts, make, say } from './dom.js'
import { askJSON } from './api.js'
import { bytes, clock, duration, milliseconds, number, plural, rate } from './format.js'
import { Plot } from './plot.js'

const kept = 300
const history = { next: 0, entries: [], p50: [], p99: [] }
const rates = new Plot($('rate'), { least: 10, format: rate, series: [{ values: history.entries, colour: '--accent', fill: true }] })
const latencies = new Plot($('latency'), {
  least: 1, format: milliseconds,
  series: [{ values: history.p99, colour: '--p99', fill: true }, { values: history.p50, colour: '--p50' }],
})

// look asks once, and shows what came.
export async function look() {
  const said = await askJSON(`/status?since=${history.next}`)
  remember(said.history)
  show(said)
  return said
}

export function redraw() { rates.draw(); latencies.draw() }

function remember({ first, of, step }) {
  if (first < history.next) for (const name of ['entries', 'p50', 'p99']) history[name].length = 0 // another server
  rates.step = latencies.step = step
  for (const second of of) for (const name of ['entries', 'p50', 'p99']) history[name].push(name === 'entries' ? second.entries / step : second[name])
  history.next = first + of.length
  for (const name of ['entries', 'p50', 'p99']) history[name].splice(0, history[name].length - kept)
}

function show(said) {
  const now = history.entries.at(-1) ?? 0
  say($('rate-now'), `${rate(now)} /s`)
  const busy = history.p99.findLastIndex(value => value > 0)
  say($('latency-now'), busy < 0 ? '–' : `${milliseconds(history.p50[busy])} / ${milliseconds(history.p99[busy])}`)
  $('rate').ariaLabel = `Entries appended per second: ${rate(now)} now, at most ${rate(Math.max(0, ...history.entries))} in the last minutes`
  $('latency').ariaLabel = `How long a commit took in milliseconds: at most ${milliseconds(Math.max(0, ...history.p99))} in the last minutes, 99 of 100`
  redraw()
  health(said.ready ? 'good' : 'bad', said.ready ? 'Ready' : said.reason)
  say($('version'), said.version)
  facts($('state'), stateOf(said))
  cluster(said.cluster)
}

// health shows how it is, in a word.
export function health(state, text) {
  $('health').dataset.state = state
  say($('health').lastElementChild, text)
  $('health').title = text
}

function meter(used, limit, text) {
  const full = limit > 0 ? Math.min(1, used / limit) : 0
  const fill = make('i')
  fill.style.width = `${full * 100}%`
  return make('div', null, text, make('span.meter', { role: 'img', ariaLabel: `${Math.round(full * 100)} %` , className: `meter${full > 0.9 ? ' high' : ''}` }, fill))
}

function stateOf(s) {
  const d = s.disk
  const pairs = [['Disk', d.free === undefined ? bytes(d.used) : meter(d.used, d.used + d.free, `${bytes(d.used)}, ${bytes(d.free)} free`)]]
  if (d.full) pairs.push(['', make('span.wrong', null, 'The disk is full: appends are refused, reads go on')])
  if (d.busy > 0.5) pairs.push(['', make('span.wrong', null, `A write has been under way for ${d.busy.toFixed(1)} s`)])
  pairs.push(
    ['Memory', meter(s.memory.used, s.memory.limit, `${bytes(s.memory.used)} of ${bytes(s.memory.limit)}`)],
    ['Readers', s.readers.count ? `${number(s.readers.count)}, slowest ${s.readers.lag ? `${plural(s.readers.lag, 'entry', 'entries')} behind` : 'at the head'}` : 'none'],
    ['Connections', `${number(s.connections.lines)} lines, ${number(s.connections.http)} HTTP`],
    ['Scrub', s.scrub.damaged ? make('span.wrong', null, `${plural(s.scrub.damaged, 'piece', 'pieces')} damaged: run ringlog verify`) : s.scrub.ended ? `no damage, read at ${clock(s.scrub.ended)}` : 'no damage found'],
    ['Since start', `${plural(s.entries, 'entry', 'entries')}, ${bytes(s.bytes)}`],
    ['Up', duration((new Date(s.now) - new Date(s.started)) / 1000)],
  )
  return pairs
}

// What a member may be told to be, beside its id, number and role.
const more = {
  region: at => at,
  zone: at => at,
  state: so => so,
  lag: n => n ? `${number(n)} behind` : 'up to date',
  balance: share => `holds ${Math.round(share * 100)} % of the mean`,
  repair: n => n ? `${number(n)} to repair` : 'whole',
}

function cluster(c) {
  say($('cluster-size'), plural(c.members.length, 'node', 'nodes'))
  say($('cluster-id'), c.id)
  $('members').replaceChildren(...c.members.map(m => {
    const name = m.name || m.address || m.id.slice(0, 8)
    const facts = Object.entries(more).filter(([key]) => m[key] !== undefined).map(([key, show]) => show(m[key]))
    return make('li', { title: m.id }, make('span.number', null, String(m.number)), make('span.mono', null, name),
      make(`span.role.${m.role === 'leader' ? 'lead' : 'other'}`, null, m.role), m.self ? make('span.faint', null, 'this one') : '', make('span.faint', null, facts.join(', ')))
  }))
}
