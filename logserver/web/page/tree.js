// An entry as a tree that is opened branch by branch; only what is open exists.

import { make } from './dom.js'
import { number, plural, visible } from './format.js'

const atOnce = 100 // items that are shown at a time
const longest = 1000 // characters of a string that are shown at first
const small = 12 // items of a branch that is open from the beginning

// show fills a tree element with a node.
export function show(element, node) {
  element.replaceChildren(...items(node, 1, 0))
  const first = element.querySelector('[role=treeitem]')
  if (first) first.tabIndex = 0
  element.tabIndex = first ? -1 : 0
}

// items returns elements for the items of a branch, from one on.
function items(node, level, from) {
  if (!node.items.length) return [make('p.faint', null, node.kind === 'object' ? 'empty object' : 'empty array')]
  const until = Math.min(from + atOnce, node.items.length)
  const made = node.items.slice(from, until).map(({ name, node: child }, i) => item(name ?? String(from + i), name === undefined, child, level))
  if (until < node.items.length) {
    const more = make('button.more', { type: 'button' }, `${number(node.items.length - until)} more`)
    more.addEventListener('click', () => {
      const next = items(node, level, until)
      more.replaceWith(...next)
      next[0].focus()
    })
    made.push(more)
  }
  return made
}

function item(name, ordinal, node, level) {
  const label = make(ordinal ? 'span.ordinal' : 'span.name', null, visible(name))
  const line = make('div.line', null, label, make('span.faint', null, ': '))
  const element = make('div.item', { role: 'treeitem', tabIndex: -1, ariaLevel: level }, line)
  if (!node.items) {
    line.append(scalar(node))
    return element
  }
  const brackets = node.kind === 'object' ? '{}' : '[]'
  line.append(make('span.count', null, `${brackets[0]} ${plural(node.items.length, 'item', 'items')} ${brackets[1]}`))
  if (!node.items.length) return element
  element.ariaExpanded = 'false'
  element.node = node
  line.addEventListener('click', () => toggle(element))
  if (level <= 3 && node.items.length <= small) toggle(element)
  return element
}

function scalar(node) {
  const value = make('span.' + (node.kind === 'boolean' || node.kind === 'null' ? 'word' : node.kind), { dir: 'auto' })
  const put = text => { value.textContent = node.kind === 'string' ? `"${visible(text)}"` : visible(text) }
  if (node.text.length <= longest) { put(node.text); return value }
  put(node.text.slice(0, longest))
  const rest = make('button.more', { type: 'button' }, `${number(node.text.length - longest)} more characters`)
  rest.addEventListener('click', () => { put(node.text); rest.remove() })
  return make('span', null, value, ' ', rest)
}

function toggle(element, open = element.ariaExpanded !== 'true') {
  if (!element.node || open === (element.ariaExpanded === 'true')) return
  element.ariaExpanded = String(open)
  if (open) element.append(make('div.group', { role: 'group' }, ...items(element.node, Number(element.ariaLevel) + 1, 0)))
  else element.querySelector(':scope > .group').remove()
}

// keys moves through a tree as trees are moved through; it returns whether the key was for it.
export function keys(event, tree) {
  const at = event.target.closest?.('[role=treeitem]')
  if (!at || event.target.closest('button')) return false
  const all = [...tree.querySelectorAll('[role=treeitem]')]
  const go = element => { if (element) { at.tabIndex = -1; element.tabIndex = 0; element.focus() } }
  switch (event.key) {
    case 'ArrowDown': go(all[all.indexOf(at) + 1]); break
    case 'ArrowUp': go(all[all.indexOf(at) - 1]); break
    case 'ArrowRight': at.ariaExpanded === 'false' ? toggle(at, true) : go(at.querySelector('[role=treeitem]')); break
    case 'ArrowLeft': at.ariaExpanded === 'true' ? toggle(at, false) : go(at.parentElement.closest('[role=treeitem]')); break
    case 'Home': go(all[0]); break
    case 'End': go(all.at(-1)); break
    case 'Enter': toggle(at); break
    default: return false
  }
  return true
}
