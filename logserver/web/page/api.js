// How the page asks the server: the token, what is wrong, and lines as they come.

import { $ } from './dom.js'

const tokenKey = 'ringlog-token'
let token = sessionStorage.getItem(tokenKey) ?? ''

export const hasToken = () => token !== ''

// Refused is an answer that is no success: what the server said, and what to do about it.
export class Refused extends Error {
  constructor(status, said) {
    super(said.remedy ? `${said.error}: ${said.remedy}` : said.error)
    this.status = status
    this.said = said
  }
}

// ask sends a request and returns the answer, if that is one of success.
export async function ask(path, options = {}) {
  const headers = { ...options.headers }
  if (token) headers.Authorization = `Bearer ${token}`
  const answer = await fetch(path, { ...options, headers, credentials: 'omit', cache: options.cache ?? 'no-store' })
  if (answer.ok) return answer
  let said = {}
  try { said = await answer.json() } catch { /* not of this server */ }
  const refused = new Refused(answer.status, { error: said.error ?? `status ${answer.status}`, ...said })
  if (answer.status === 401) wantToken(refused.said.error)
  throw refused
}

export const askJSON = async (path, options) => (await ask(path, options)).json()

const keep = 4096 // characters of an entry that a row has

// row makes a row of a line: {index, time, hash, key, text, size, result, error, reason}, or what else it says.
export function row(line) {
  let at = line.indexOf('"entry":'), result = false
  const other = line.indexOf('"result":')
  if (other >= 0 && (at < 0 || other < at)) [at, result] = [other, true]
  if (at < 0) return JSON.parse(line)
  const head = JSON.parse(line.slice(0, at - 1) + '}')
  const from = at + (result ? 9 : 8), size = line.length - 1 - from
  let text = line.slice(from, from + Math.min(size, keep))
  if (size > keep) text = copyOf(text)
  return { ...head, text, size, result, cut: size > keep }
}

// copyOf returns the same text without what it was cut from, which the engine would keep.
const copyOf = text => new TextDecoder().decode(new TextEncoder().encode(text))

// lines calls each with the rows of a read, as many at once as have come, until it ends. It returns whether it was complete.
export async function lines(path, each, signal) {
  const answer = await ask(path, { signal })
  const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let parts = []
  for (;;) {
    const { value, done } = await pieces.read()
    if (done) return
    const last = value.lastIndexOf('\n')
    if (last < 0) { parts.push(value); continue }
    parts.push(value.slice(0, last))
    const whole = parts.join('')
    parts = last + 1 < value.length ? [value.slice(last + 1)] : []
    each(whole.split('\n').map(row))
  }
}

// path returns that of a read.
export function path(log, query) {
  const parameters = new URLSearchParams({ meta: 'true', ...query })
  return `/logs/${encodeURIComponent(log)}?${parameters}`
}

const changed = []
// onToken has fn called when there is another token.
export const onToken = fn => changed.push(fn)

// wantToken asks the person for a token, once at a time.
export function wantToken(why) {
  const dialog = $('token')
  $('token-button').hidden = false
  if (dialog.open || (wantToken.declined && why)) return
  $('token-why').textContent = why ? `The server says: ${why}.` : 'Requests of this tab are sent with this token.'
  $('token-input').value = token
  dialog.showModal()
}

$('token').addEventListener('close', () => {
  wantToken.declined = $('token').returnValue !== 'ok'
  if (wantToken.declined) return
  token = $('token-input').value.trim()
  sessionStorage.setItem(tokenKey, token)
  for (const fn of changed) fn()
})
$('token-button').addEventListener('click', () => wantToken())
