// The entries of a log as a source of rows: what was read is kept for a while, what is seen is read.
//
// A source has count, at(position), see(first, last), begin(), pause(), end(), indexOf(position), positionOf(index), and tells by
// changed(shift) that there are others. It follows its log while it is live.

import { lines, path } from './api.js'

const chunk = 100 // entries that are read at once
const most = 24e6 // characters of rows that are kept
const quick = 1500 // entries a second, beyond which not all are read
const slow = 700 // below which all are read again
const glance = 300 // milliseconds between two looks while not all are read

export class Entries {
  constructor(log, head, { changed, state, failed }) {
    Object.assign(this, { log, head, changed, state, failed, chunks: new Map(), size: 0, loading: new Map(), lives: 0, live: false, sampling: false, pace: 0 })
  }

  get count() { return this.head }
  indexOf(at) { return at + 1 }
  positionOf(index) { return index - 1 }
  at(position) { return this.chunks.get(Math.floor(position / chunk))?.rows[position % chunk] }

  // see reads what is missing of the rows that are seen, and gives up what is not seen any more.
  see(first, last) {
    const from = Math.floor(first / chunk), to = Math.floor(last / chunk)
    for (const [number, abort] of this.loading) if (number < from - 1 || number > to + 1) abort.abort()
    for (let number = from; number <= to; number++) this.load(number, first, last)
    this.forget(from, to)
  }

  load(number, first, last) {
    const begin = number * chunk, end = Math.min(begin + chunk, this.head)
    const kept = this.chunks.get(number)
    let missing = false
    for (let at = Math.max(begin, first); at < end && at <= last && !missing; at++) missing = !kept?.rows[at - begin]
    if (!missing || this.loading.has(number) || this.loading.size >= 3 || this.ended) return
    const abort = new AbortController()
    this.loading.set(number, abort)
    const query = { from: begin + 1, read: end - begin, follow: false }
    lines(path(this.log, query), rows => { this.put(rows); this.changed(0) }, abort.signal)
      .catch(err => { if (!abort.signal.aborted) this.failed(err) })
      .finally(() => { this.loading.delete(number); if (!this.ended) setTimeout(() => this.changed(0), abort.signal.aborted ? 0 : 50) })
  }

  put(rows) {
    for (const row of rows) {
      if (!row.index) continue
      const number = Math.floor((row.index - 1) / chunk)
      let kept = this.chunks.get(number)
      if (!kept) this.chunks.set(number, kept = { rows: [], size: 0 })
      if (kept.rows[(row.index - 1) % chunk]) continue
      kept.rows[(row.index - 1) % chunk] = row
      const size = (row.text?.length ?? 0) + 200
      kept.size += size
      this.size += size
    }
  }

  // forget drops what is farthest from what is seen.
  forget(from, to) {
    if (this.size <= most) return
    const far = number => number < from ? from - number : number - to
    const numbers = [...this.chunks.keys()].sort((a, b) => far(b) - far(a))
    for (const number of numbers) {
      if (this.size <= most || far(number) <= 2) return
      this.size -= this.chunks.get(number).size
      this.chunks.delete(number)
    }
  }

  // grown notes a head that somebody else has seen.
  grown(head) {
    if (head <= this.head) return
    this.head = head
    this.changed(0)
  }

  begin() {
    if (this.live || this.ended) return
    this.live = true
    this.follow(++this.lives)
  }

  pause() {
    this.live = false
    this.lives++
    this.tail?.abort()
    this.setSampling(false)
  }

  end() {
    this.ended = true
    this.pause()
    for (const abort of this.loading.values()) abort.abort()
  }

  // follow reads on, all entries or, of too many, the newest, until this life is over. What fails is tried again.
  async follow(life) {
    for (let wait = 500; this.lives === life;) {
      try {
        if (this.sampling) await this.glances(life)
        else await this.stream(life)
        wait = 500
        if (this.lives === life) this.state('live')
      } catch (err) {
        if (this.lives !== life) return
        if (this.tail?.signal.aborted) continue
        if (err.status) this.failed(err)
        this.state('lost')
        await new Promise(resolve => setTimeout(resolve, wait))
        wait = Math.min(wait * 2, 8000)
      }
    }
  }

  async stream(life) {
    this.tail = new AbortController()
    let since = performance.now(), count = 0
    await lines(path(this.log, { from: Math.max(1, this.head - chunk + 1) }), rows => {
      if (this.lives !== life) return
      this.put(rows)
      this.head = Math.max(this.head, rows.at(-1).index ?? 0)
      if (rows.some(row => row.current)) { this.state('live'); since = performance.now(); count = 0 } else count += rows.length
      this.changed(0)
      const now = performance.now()
      if (now - since < 500) return
      this.pace = count / (now - since) * 1000
      since = now
      count = 0
      if (this.pace > quick) { this.setSampling(true); this.tail.abort() }
    }, this.tail.signal)
  }

  async glances(life) {
    this.tail = new AbortController()
    let since = performance.now(), head = 0, calm = 0
    while (this.lives === life && this.sampling) {
      await lines(path(this.log, { from: -chunk, read: chunk, follow: false }), rows => {
        this.put(rows)
        const last = rows.findLast(row => row.index)
        if (last) this.head = Math.max(this.head, last.index)
      }, this.tail.signal)
      const now = performance.now()
      if (head > 0) this.pace = (this.head - head) / (now - since) * 1000
      since = now
      calm = head > 0 && this.pace < slow ? calm + 1 : 0
      head = this.head
      this.state('sampling')
      this.changed(0)
      if (calm > 5) this.setSampling(false)
      else await new Promise(resolve => setTimeout(resolve, glance))
    }
  }

  setSampling(sampling) {
    this.sampling = sampling
  }
}
