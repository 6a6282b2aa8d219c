// The entries of a log that a filter passes, as a source of rows: searched backwards from the head in growing pieces, as far as
// somebody looks, and followed from there on.

import { lines, path } from './api.js'

const most = 100_000 // rows that are kept
const wanted = 300 // rows that are looked for at a time
const smallest = 1000, largest = 50_000 // entries that are searched by one request

export class Search {
  constructor(log, head, query, { changed, state, failed }) {
    Object.assign(this, { log, head, query, changed, state, failed, rows: [], from: head + 1, next: head + 1, piece: smallest, lives: 0, live: false, wrong: 0, pace: 0 })
    this.abort = new AbortController()
    this.back()
  }

  get count() { return this.rows.length }
  indexOf(at) { return this.rows[at]?.index ?? 0 }
  at(position) { return this.rows[position] }

  // positionOf returns that of the first row at or after an index.
  positionOf(index) {
    let low = 0, high = this.rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.rows[middle].index < index) low = middle + 1
      else high = middle
    }
    return Math.min(low, this.rows.length - 1)
  }

  // see searches further back when the oldest that were found are seen.
  see(first) { if (first < 50) this.back() }

  // back searches until enough was found, or all was searched.
  async back() {
    if (this.searching || this.ended || this.from <= 1 || this.rows.length >= most) return
    this.searching = true
    const goal = this.rows.length + wanted
    try {
      while (!this.ended && this.from > 1 && this.rows.length < Math.min(goal, most)) {
        const from = Math.max(1, this.from - this.piece)
        const found = []
        await lines(path(this.log, { ...this.query, from, read: this.from - from, follow: false }), rows => found.push(...this.told(rows)), this.abort.signal)
        this.from = from
        this.piece = Math.min(this.piece * 2, largest)
        this.rows = found.concat(this.rows)
        this.changed(found.length)
        this.state(this.live ? 'live' : 'paused')
      }
    } catch (err) {
      if (!this.ended) { this.broken = true; this.failed(err) }
    } finally {
      this.searching = false
      if (!this.ended) { this.state(this.live ? 'live' : 'paused'); this.changed(0) }
    }
  }

  // told returns the rows of those that came, and throws what a limit of the server has to say.
  told(rows) {
    const found = []
    for (const row of rows) {
      if (row.error === 'jq') { this.wrong++; this.reason = row.reason }
      if (row.index) found.push(row)
      else if (row.error) throw new Error(`${row.error}: ${row.remedy ?? ''}`)
    }
    return found
  }

  grown(head) { this.head = Math.max(this.head, head) }

  begin() {
    if (this.live || this.ended) return
    this.live = true
    this.follow(++this.lives)
  }

  pause() {
    this.live = false
    this.lives++
    this.tail?.abort()
  }

  end() {
    this.ended = true
    this.pause()
    this.abort.abort()
  }

  // follow reads on behind what was searched first, until this life is over. What fails is tried again, a wrong filter not.
  async follow(life) {
    for (let wait = 500; this.lives === life && !this.broken;) {
      this.tail = new AbortController()
      try {
        await lines(path(this.log, { ...this.query, from: this.next }), rows => {
          if (this.lives !== life) return
          const found = this.told(rows)
          if (rows.some(row => row.current)) { this.state('live'); wait = 500 }
          if (!found.length) return
          this.next = found.at(-1).index + 1
          this.rows.push(...found)
          const over = this.rows.length - most
          if (over > 0) { this.rows.splice(0, over); this.from = this.rows[0].index }
          this.changed(over > 0 ? -over : 0)
        }, this.tail.signal)
        wait = 500
      } catch (err) {
        if (this.lives !== life) return
        if (err.status === 400 || err.status === 501) { this.broken = true; return this.failed(err) }
        this.state('lost')
      }
      await new Promise(resolve => setTimeout(resolve, wait))
      wait = Math.min(wait * 2, 8000)
    }
  }
}
