// A list of any length of which only the rows that are seen exist. A position is a whole number from 0; top is the position
// at the upper edge, with a fraction.

import { make } from './dom.js'

const tallest = 6e6 // pixels; browsers have a limit on how tall an element is

export class List {
  // fill(row, position) puts what is there into an element of the list; see(first, last) is told what is seen.
  constructor(element, { fill, see, leave }) {
    Object.assign(this, { element, fill, see, leave, count: 0, top: 0, selected: -1, pool: [], version: 0 })
    this.rows = element.querySelector('.rows')
    this.measure()
    new ResizeObserver(() => this.measure()).observe(element)
    element.addEventListener('scroll', () => this.scrolled(), { passive: true })
    // Who turns the wheel or drags means it; what the page itself scrolls is none of this.
    for (const event of ['wheel', 'touchmove', 'pointerdown']) {
      element.addEventListener(event, () => { this.touched = performance.now() }, { passive: true })
    }
  }

  measure() {
    this.unit = parseFloat(getComputedStyle(this.element).getPropertyValue('--row')) || 28
    this.height = this.element.clientHeight
    this.setCount(this.count)
    this.move(this.stick ? this.last : this.top)
  }

  // perPage is how many rows are seen as a whole.
  get perPage() { return Math.max(1, Math.floor(this.height / this.unit)) }
  get last() { return Math.max(0, this.count - this.height / this.unit) } // the largest top
  get atEnd() { return this.top >= this.last - 0.5 }
  get scaled() { return this.count * this.unit > tallest }

  // setCount says how many rows there are; shift is how many of them have come in front.
  setCount(count, shift = 0) {
    const grown = count !== this.count
    this.count = count
    this.tall = Math.min(count * this.unit, tallest)
    const style = `${Math.max(this.tall, 1)}px`
    if (this.rows.style.height !== style) this.rows.style.height = style
    if (this.selected >= 0) this.selected += shift
    if (this.stick) this.move(this.last)
    else if (shift || this.top > this.last) this.move(this.top + shift)
    else if (grown && this.scaled) this.settle()
    this.draw() // who scrolls is not interrupted
  }

  // settle puts the bar where it belongs once nobody scrolls, so that there is always room to go on.
  settle() {
    clearTimeout(this.settling)
    this.settling = setTimeout(() => { this.move(this.top); this.drawNow() }, 150)
  }

  // move makes top the position at the upper edge.
  move(top) {
    this.top = Math.min(Math.max(0, top), this.last)
    this.expected = this.scaled ? this.top / this.last * (this.tall - this.height) : this.top * this.unit
    if (Math.abs(this.element.scrollTop - this.expected) >= 1) this.element.scrollTop = this.expected
    this.expected = this.element.scrollTop
    this.draw()
  }

  scrolled() {
    const at = this.element.scrollTop, by = at - this.expected
    if (Math.abs(by) < 1) return
    this.expected = at
    if (!this.scaled) this.top = at / this.unit
    else if (Math.abs(by) < this.height * 1.5) this.top += by / this.unit // as far as it was turned
    else this.top = at / (this.tall - this.height) * this.last // dragged
    this.top = Math.min(Math.max(0, this.top), this.last)
    if (this.scaled) this.settle()
    if (performance.now() - this.touched < 3000) this.leave?.(this.atEnd)
    this.draw()
  }

  // draw has what is seen filled, once a frame.
  draw() {
    if (this.drawing) return
    this.drawing = requestAnimationFrame(() => { this.drawing = 0; this.drawNow() })
  }

  // refresh draws anew also what has not moved.
  refresh() { this.version++; this.draw() }

  drawNow() {
    const first = Math.floor(this.top), last = Math.min(this.count - 1, Math.ceil(this.top + this.height / this.unit))
    const size = Math.ceil(this.height / this.unit) + 2
    while (this.pool.length < size) {
      const row = make('div.row', { role: 'option', id: `row-${this.pool.length}` })
      this.pool.push({ row, at: -1 })
      this.rows.append(row)
    }
    const offset = this.expected - this.top * this.unit
    for (let i = 0; i < this.pool.length; i++) {
      const slot = this.pool[i]
      const at = first + ((i - first) % this.pool.length + this.pool.length) % this.pool.length
      this.place(slot, at <= last ? at : -1, offset)
    }
    this.element.setAttribute('aria-activedescendant', this.seen(this.selected)?.id ?? '')
    if (last >= first) this.see(first, last)
  }

  place(slot, at, offset) {
    const { row } = slot
    row.hidden = at < 0
    if (at < 0) { slot.at = -1; return }
    row.style.transform = `translateY(${Math.round(at * this.unit + offset)}px)`
    const chosen = at === this.selected
    if (slot.at === at && slot.version === this.version && slot.full && slot.chosen === chosen) return
    Object.assign(slot, { at, version: this.version, chosen })
    row.setAttribute('aria-selected', chosen)
    row.setAttribute('aria-posinset', at + 1)
    row.setAttribute('aria-setsize', this.count)
    row.dataset.at = at
    slot.full = this.fill(row, at)
  }

  seen(at) { return at < 0 ? undefined : this.pool.find(slot => slot.at === at)?.row }

  // select chooses a row and brings it into sight.
  select(at) {
    if (this.count === 0) return
    this.selected = Math.min(Math.max(0, at), this.count - 1)
    this.reveal(this.selected)
    this.draw()
  }

  reveal(at) {
    const page = this.height / this.unit
    if (at < this.top) this.move(at)
    else if (at + 1 > this.top + page) this.move(at + 1 - page)
  }

  // show brings a row into the middle.
  show(at) { this.move(at - this.height / this.unit / 2 + 0.5) }
}
