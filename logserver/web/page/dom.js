// What every part of the page does with its elements. Content becomes text nodes, never markup.

export const $ = id => document.getElementById(id)

// make returns a new element: of tag.class.class, with properties, and children that are elements or text.
export function make(what, properties, ...children) {
  const [tag, ...classes] = what.split('.')
  const element = document.createElement(tag)
  if (classes.length) element.className = classes.join(' ')
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name in element) element[name] = value
    else element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

// say sets an element's text if it is another.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

// facts fills a description list with [term, value] pairs; a value is text or an element.
export function facts(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([term, value]) => [make('dt', null, term), make('dd', null, value)]))
}

let fading
// toast says something in passing.
export function toast(text) {
  const element = $('toast')
  say(element, text)
  element.dataset.shown = 'true'
  clearTimeout(fading)
  fading = setTimeout(() => { delete element.dataset.shown }, 2500)
}

// copy puts text into the clipboard, also where the page has no secure context.
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    const area = make('textarea', { value: text, readOnly: true, className: 'offscreen' })
    const host = document.querySelector('dialog[open]') ?? document.body
    const before = document.activeElement
    host.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    before?.focus()
    if (!done) return toast('The browser does not let this page copy')
  }
  toast(`${what} copied`)
}
