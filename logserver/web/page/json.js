// A reader of JSON that keeps what JSON.parse drops: the text of numbers, the order of keys, duplicate keys.

const token = /[{}[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}[\],:"]+/gy
const space = /\s*/y

// parse returns the tree of a text: {kind, text} for scalars, {kind, items: [{name, node}]} for objects and arrays.
// Names are undefined in arrays. It throws on what is no JSON object or array. The server nests no deeper than 128.
export function parse(text) {
  const open = []
  let name, wanted = 'value', root
  const put = node => {
    const parent = open.at(-1)
    if (parent) parent.items.push({ name, node })
    else root = node
    name = undefined
  }
  for (const t of tokens(text)) {
    const parent = open.at(-1)
    if (root && !parent) throw new SyntaxError('text after the end')
    if (t === '{' || t === '[') {
      if (!wanted.includes('value')) throw new SyntaxError(`unexpected ${t}`)
      const node = { kind: t === '{' ? 'object' : 'array', items: [] }
      put(node)
      open.push(node)
      wanted = t === '{' ? 'name end' : 'value end'
    } else if (t === '}' || t === ']') {
      if (!wanted.includes('end') || parent.kind !== (t === '}' ? 'object' : 'array')) throw new SyntaxError(`unexpected ${t}`)
      open.pop()
      wanted = 'comma end'
    } else if (t === ',' && wanted.includes('comma')) wanted = parent.kind === 'object' ? 'name' : 'value'
    else if (t === ':' && wanted === 'colon') wanted = 'value'
    else if (wanted.includes('name') && t[0] === '"') [name, wanted] = [JSON.parse(t), 'colon']
    else if (wanted.includes('value') && parent) { put(scalar(t)); wanted = 'comma end' }
    else throw new SyntaxError(`unexpected ${t.slice(0, 20)}`)
  }
  if (!root || open.length) throw new SyntaxError('no end')
  return root
}

// scalar returns the node of a token.
function scalar(t) {
  const value = JSON.parse(t)
  if (typeof value === 'string') return { kind: 'string', text: value }
  return { kind: value === null ? 'null' : typeof value, text: t }
}

// tokens returns what a text is made of, one after the other; what is no token at all is one of its own.
export function* tokens(text) {
  for (let at = 0; ;) {
    space.lastIndex = at
    space.exec(text)
    token.lastIndex = at = space.lastIndex
    if (at >= text.length) return
    const found = token.exec(text)?.[0] ?? text.slice(at)
    yield found
    at += found.length
  }
}
