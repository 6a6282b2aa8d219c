// A plot over the last minutes, on a canvas.

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

// niceTop returns the next of 1, 1.5, 2, 3, 5, 7.5, 10 … at or above a value.
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 1.5, 2, 3, 5, 7.5, 10].map(n => n * power).find(n => n >= value * 0.999)
}

export class Plot {
  // series are [{values, colour, fill}], colour the name of a variable of the style.
  constructor(canvas, { least, format, series }) {
    Object.assign(this, { canvas, least, format, series, shown: 300, step: 1 })
    new ResizeObserver(() => this.draw()).observe(canvas)
    canvas.addEventListener('pointermove', event => { this.at = event.offsetX; this.draw() })
    canvas.addEventListener('pointerleave', () => { this.at = undefined; this.draw() })
  }

  draw() {
    const { canvas } = this, scale = devicePixelRatio || 1
    const width = canvas.clientWidth, height = canvas.clientHeight
    if (!width) return
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale)
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale)
    const g = canvas.getContext('2d')
    g.setTransform(scale, 0, 0, scale, 0, 0)
    g.clearRect(0, 0, width, height)
    const bottom = height - 14, top = 6
    const highest = niceTop(Math.max(this.least, ...this.series.flatMap(s => s.values)))
    const x = i => width - (this.shown - 1 - i) / (this.shown - 1) * width
    const y = value => bottom - value / highest * (bottom - top)
    this.grid(g, width, bottom, top, highest)
    for (const s of this.series) this.line(g, s, x, y, bottom)
    if (this.at !== undefined) this.cross(g, width, bottom, top)
  }

  grid(g, width, bottom, top, highest) {
    g.font = `10px ${colour('--sans')}`
    g.fillStyle = colour('--faint')
    g.strokeStyle = colour('--line')
    g.lineWidth = 1
    for (const part of [0, 0.5, 1]) {
      const at = Math.round(bottom - part * (bottom - top)) + 0.5
      g.beginPath(); g.moveTo(0, at); g.lineTo(width, at); g.stroke()
    }
    g.textBaseline = 'top'
    g.textAlign = 'left'
    g.fillText(this.format(highest), 2, top + 3)
    g.fillText('−5 min', 2, bottom + 3)
    g.textAlign = 'right'
    g.fillText('now', width - 2, bottom + 3)
  }

  line(g, { values, colour: name, fill }, x, y, bottom) {
    const first = this.shown - values.length
    if (!values.length) return
    g.beginPath()
    values.forEach((value, i) => g.lineTo(x(first + i), y(value)))
    g.strokeStyle = colour(name)
    g.lineWidth = 1.5
    g.lineJoin = 'round'
    g.stroke()
    if (!fill) return
    g.lineTo(x(this.shown - 1), bottom)
    g.lineTo(x(first), bottom)
    g.globalAlpha = 0.18
    g.fillStyle = colour(name)
    g.fill()
    g.globalAlpha = 1
  }

  // cross says what was at the pointer.
  cross(g, width, bottom, top) {
    const i = Math.round(this.at / width * (this.shown - 1)), ago = Math.round((this.shown - 1 - i) * this.step)
    const values = this.series.map(s => s.values[i - (this.shown - s.values.length)])
    if (values.some(value => value === undefined)) return
    g.strokeStyle = colour('--faint')
    g.beginPath(); g.moveTo(this.at, top); g.lineTo(this.at, bottom); g.stroke()
    const text = `${values.map(this.format).join(' / ')}  ${ago ? `−${ago} s` : 'now'}`
    const half = g.measureText(text).width / 2 + 5
    const centre = Math.min(Math.max(this.at, half), width - half)
    g.fillStyle = colour('--surface')
    g.fillRect(centre - half, top, 2 * half, 16)
    g.fillStyle = colour('--ink')
    g.textAlign = 'center'
    g.fillText(text, centre, top + 3)
  }
}
