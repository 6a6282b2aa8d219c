// What tests with npm's tcp-log-client have in common. The environment says
// which version (MODULES, a folder with its node_modules) and which server (RINGLOG_BIN, ECHO).
const assert = require('assert')
const { spawn } = require('child_process')
const { once } = require('events')
const fs = require('fs')
const { createRequire } = require('module')
const net = require('net')
const os = require('os')
const path = require('path')
const readline = require('readline')

const TCPLogClient = createRequire(process.env.MODULES + '/')('tcp-log-client')
const DEADLINE = { timeout: 120000 } // guards against hanging

class Server {
  // env has what the server needs beside the usual.
  static async prepare (env) {
    const server = new Server()
    server.env = env
    server.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ringlog-npm-'))
    server.port = await freePort()
    return server
  }

  static async start () {
    const server = await Server.prepare({})
    await server.run()
    return server
  }

  async run () {
    this.child = spawn(process.env.RINGLOG_BIN, [], {
      cwd: this.dir,
      env: { PORT: String(this.port), ECHO: process.env.ECHO, ...this.env },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const lines = readline.createInterface({ input: this.child.stdout })
    for await (const line of lines) if (JSON.parse(line).message === 'serving') break
    this.child.stdout.resume()
  }

  async kill () {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }

  async end () {
    if (this.child) await this.kill()
    fs.rmSync(this.dir, { recursive: true })
  }

  // client connects and collects what it reads in .entries.
  async client (options) {
    const client = new TCPLogClient({ server: { port: this.port, host: '127.0.0.1' }, reconnect: quick, ...options })
    client.entries = []
    client.readStream.on('data', function (data) { client.entries.push(data) })
    client.on('error', function (error) { client.failure = error })
    // client.connected is true as soon as a connection is tried.
    client.on('ready', function () { client.ready = true }).on('disconnect', function () { client.ready = false })
    client.connect()
    await once(client, 'ready')
    return client
  }
}

const quick = { initialDelay: 20, maxDelay: 100 }

// freePort finds a port below those that the system gives to connections, which could take it
// before a server does.
async function freePort () {
  for (;;) {
    const port = 12000 + Math.floor(Math.random() * 20000)
    const server = net.createServer().listen(port, '127.0.0.1')
    const free = await new Promise(resolve => server.on('listening', () => resolve(true)).on('error', () => resolve(false)))
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

function write (client, entry) {
  return new Promise(function (resolve, reject) {
    client.write(entry, function (error, index) { error ? reject(error) : resolve(index) })
  })
}

async function until (what, condition) {
  for (let waited = 0; !condition(); waited += 5) {
    assert(waited < 30000, 'waited too long for ' + what)
    await new Promise(function (resolve) { setTimeout(resolve, 5) })
  }
}

function sequence (n) {
  return Array.from({ length: n }, function (_, i) { return i + 1 })
}

function indices (client) {
  return client.entries.map(function (data) { return data.index })
}

module.exports = { DEADLINE, Server, TCPLogClient, freePort, indices, quick, sequence, until, write }
