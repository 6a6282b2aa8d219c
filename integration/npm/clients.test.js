// What an application does with npm's tcp-log-client, against the real server.
const assert = require('assert')
const { once } = require('events')
const { test } = require('node:test')

const { DEADLINE, Server, TCPLogClient, indices, quick, sequence, until, write } = require('./common')

function conversation (name, body) {
  test(name, DEADLINE, async function () {
    const server = await Server.start()
    try {
      await body(server)
    } finally {
      await server.end()
    }
  })
}

conversation('writes call back with their indices', async function (server) {
  const client = await server.client()
  assert.deepStrictEqual(await Promise.all([{ a: 1 }, { b: 2 }, [3]].map(function (entry) {
    return write(client, entry)
  })), [1, 2, 3])
  client.destroy()
})

conversation('reads its own and others\' entries as they come', async function (server) {
  const ana = await server.client()
  const bob = await server.client()
  const written = []
  for (let i = 0; i < 50; i++) {
    written.push({ from: i % 2 ? 'ana' : 'bob', i, text: 'grün \u2028 "quoted"' })
    await write(i % 2 ? ana : bob, written[i])
  }
  for (const client of [ana, bob]) {
    await until('all entries', function () { return client.entries.length >= 50 })
    assert.deepStrictEqual(client.entries, written.map(function (entry, i) { return { index: i + 1, entry } }))
    assert.strictEqual(client.failure, undefined)
    client.destroy()
  }
})

conversation('many writes in flight keep their order', async function (server) {
  const client = await server.client()
  const n = 2000
  assert.deepStrictEqual(await Promise.all(sequence(n).map(function (i) { return write(client, { i }) })), sequence(n))
  await until('all entries', function () { return client.entries.length >= n })
  assert.deepStrictEqual(client.entries.map(function (data) { return data.entry.i }), sequence(n))
  client.destroy()
})

conversation('says when it is current', async function (server) {
  const writer = await server.client()
  await Promise.all(sequence(12).map(function (i) { return write(writer, { i }) }))
  const reader = new TCPLogClient({ server: { port: server.port, host: '127.0.0.1' } })
  const seen = []
  reader.readStream.on('data', function (data) { seen.push(data.index) })
  reader.connect()
  await once(reader, 'current')
  await until('the history', function () { return seen.length >= 12 })
  assert.deepStrictEqual(seen, sequence(12))
  reader.destroy()
  writer.destroy()
})

conversation('starts after the entry that it was told', async function (server) {
  const writer = await server.client()
  await Promise.all(sequence(9).map(function (i) { return write(writer, { i }) }))
  const reader = await server.client({ from: 7 })
  await until('two entries', function () { return reader.entries.length >= 2 })
  assert.deepStrictEqual(indices(reader), [8, 9])
  reader.destroy()
  writer.destroy()
})

conversation('reconnects after kills and goes on without gap or repeat', async function (server) {
  const reader = await server.client()
  const writer = await server.client()
  let disconnects = 0
  let reconnects = 0
  reader.on('disconnect', function () { disconnects++ }).on('reconnect', function () { reconnects++ })
  const confirmed = new Map()
  let written = 0
  for (let round = 1; round <= 3; round++) {
    await until('the writer', function () { return writer.ready })
    for (let i = 0; i < 200; i++) {
      const n = ++written
      writer.write({ n }, function (error, index) { if (!error) confirmed.set(index, n) })
    }
    // Kill in the middle of it: some are confirmed, some fail, some will be found to be there.
    await until('a confirmation', function () { return confirmed.size > (round - 1) * 100 })
    await server.kill()
    await until('the disconnect', function () { return disconnects >= round && !writer.ready })
    await server.run()
    await until('the reconnect', function () { return reader.ready && writer.ready })
  }
  const last = await write(writer, { last: true })
  await until('the last entry', function () { return indices(reader).includes(last) })
  assert.deepStrictEqual(indices(reader), sequence(last))
  for (const [index, n] of confirmed) assert.strictEqual(reader.entries[index - 1].entry.n, n)
  assert.strictEqual(new Set(reader.entries.map(function (data) { return data.entry.n })).size, last)
  assert(disconnects >= 3 && reconnects >= 1)
  reader.destroy()
  writer.destroy()
})

conversation('fails writes that are pending when the server goes', async function (server) {
  const client = await server.client()
  server.child.kill('SIGSTOP')
  const failed = assert.rejects(write(client, { a: 1 }))
  await server.kill()
  await failed
  await until('the disconnect', function () { return !client.ready })
  client.destroy()
  await server.run()
})

conversation('gives up after the number of tries that it was told', async function (server) {
  const client = await server.client({ reconnect: { ...quick, failAfter: 3 } })
  let backoffs = 0
  client.on('backoff', function () { backoffs++ })
  const failed = once(client, 'fail') // it may fail before the kill is known to have been one
  await server.kill()
  await failed
  assert(backoffs >= 3, 'tried ' + backoffs + ' times')
  client.destroy()
  await server.run()
})
