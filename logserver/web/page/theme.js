// Light, dark, or as the system.

import { $, toast } from './dom.js'

const key = 'ringlog-theme', themes = ['auto', 'light', 'dark']
const marks = { auto: '◐', light: '☀︎', dark: '☾' }
let theme = localStorage.getItem(key) ?? 'auto'

function apply() {
  if (theme === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  $('theme').textContent = marks[theme]
}

// begin has changed called when colours are others.
export function begin(changed) {
  apply()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
  $('theme').addEventListener('click', () => { next(); changed() })
}

export function next() {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length]
  localStorage.setItem(key, theme)
  apply()
  toast(theme === 'auto' ? 'As the system' : theme === 'light' ? 'Light' : 'Dark')
}
