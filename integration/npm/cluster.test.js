// Three servers that form one log, and npm's tcp-log-client at any of them. It knows one address, and reconnects to that.
const assert = require('assert')
const { execFileSync } = require('child_process')
const { once } = require('events')
const { test } = require('node:test')

const { DEADLINE, Server, freePort, indices, sequence, until, write } = require('./common')

class Cluster {
  constructor () {
    this.nodes = []
  }

  async start () {
    const peers = []
    for (let i = 0; i < 3; i++) peers.push('127.0.0.1:' + await freePort())
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      this.nodes.push(await Server.prepare({
        NODE: name, INSECURE: 'true', PEER_PORT: peers[i], PEERS: peers.join(), EXPECT: '3'
      }))
    }
    await Promise.all(this.nodes.map(function (node) { return node.run() }))
    const nodes = this.nodes
    await until('three voting nodes', function () {
      return nodes.every(function (node) {
        const { state, members } = status(node) // joined: no change of members is under way
        return state === 'joined' && members.filter(function (m) { return m.role === 'voter' }).length === 3
      })
    })
  }

  // leaderFirst returns the nodes, the one that leads first.
  leaderFirst () {
    const { leader, members } = status(this.nodes[0])
    const { name } = members.find(function (m) { return m.number === leader })
    return this.nodes.toSorted(function (a, b) { return (b.env.NODE === name) - (a.env.NODE === name) })
  }

  async end () {
    for (const node of this.nodes) await node.end()
  }
}

function status (node) {
  return JSON.parse(execFileSync(process.env.RINGLOG_BIN, ['cluster', 'status', '--json'], { env: node.env }))
}

test('appends at one node, tails at others, and goes on when the leader is killed', DEADLINE, async function () {
  const cluster = new Cluster()
  try {
    await cluster.start()
    for (let round = 1; round <= 2; round++) await surviveLeader(cluster, round)
  } finally {
    await cluster.end()
  }
})

async function surviveLeader (cluster, round) {
  const [leader, follower, third] = cluster.leaderFirst()
  const [atLeader, atFollower, tail, lost] = await Promise.all([leader, follower, third, leader].map(function (node) {
    return node.client()
  }))
  const confirmed = new Map()
  const batch = function (client, name, n) {
    for (let i = 0; i < n; i++) {
      const entry = { round, name, i }
      client.write(entry, function (error, index) { if (!error) confirmed.set(index, entry) })
    }
  }
  // Everybody's before the kill.
  batch(atLeader, 'leader', 300)
  batch(atFollower, 'follower', 300)
  await until('all confirmations', function () { return confirmed.size === 600 })
  // In the middle of it the leader goes; what is appended elsewhere is appended once another leads.
  batch(atLeader, 'leader, killed', 300)
  batch(atFollower, 'follower, meanwhile', 300)
  await leader.kill()
  await until('the disconnect', function () { return !atLeader.ready && !lost.ready })
  assert(await write(atFollower, { round, name: 'follower, without the leader' }) > 0)
  assert(atFollower.ready && tail.ready, 'a follower has lost its clients')
  await leader.run()
  await until('the reconnect', function () { return atLeader.ready && lost.ready })
  const last = await write(atLeader, { round, name: 'leader, again' })

  for (const [name, client] of Object.entries({ tail, lost, atFollower, atLeader })) {
    await until('the last entry', function () { return indices(client).includes(last) })
    assert.deepStrictEqual(indices(client).slice(0, last), sequence(last), name + ': a gap, a repeat, or another order')
    for (const [index, entry] of confirmed) assert.deepStrictEqual(client.entries[index - 1].entry, entry)
  }
  const followers = tail.entries.filter(function ({ entry }) { return entry.round === round && entry.name.startsWith('follower') })
  assert.strictEqual(followers.length, 601, 'what was appended at a node that lives is there, once')
  for (const client of [tail, lost, atFollower, atLeader]) {
    const closed = once(client, 'disconnect').catch(function () {})
    client.destroy()
    await Promise.race([closed, new Promise(function (resolve) { setTimeout(resolve, 100) })])
  }
}
