// Takes the place of tcp-log-server's own index.js under its test suite: each handler that the suite
// makes is a ringlog server of its own, on disk, with ECHO=true, to which connections are piped.
//
// The suite was written for a server in the same process: one that is there when the handler is, takes
// what a client writes at once as one piece, and different clients' writes in the order they were made.
// So the handler waits for the server, and what arrives within a few milliseconds on a connection is
// passed on as one write, one connection after the other.
const { spawn } = require('child_process')
const fs = require('fs')
const net = require('net')
const os = require('os')
const path = require('path')

const GATHER = 5 // milliseconds
const running = []

// First of all: tape's own handler ends the process.
process.prependListener('exit', function () {
  for (const { child } of running) child.kill('SIGKILL')
  for (const { dir } of running) {
    try {
      fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
    } catch (error) {
      // The killed process may have made one more file.
    }
  }
})

module.exports = function () {
  const port = start()
  return function (connection) {
    pipe(connection, net.connect(port, '127.0.0.1'))
  }
}

// start returns the port of a new server that serves.
function start () {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ringlog-peer-'))
  const log = path.join(dir, 'log')
  const child = spawn(process.env.RINGLOG_BIN, [], {
    cwd: dir,
    env: { PORT: '0', ECHO: 'true', BLOBS: path.join(dir, 'blobs'), DB: path.join(dir, 'db') },
    stdio: ['ignore', fs.openSync(log, 'w'), 'inherit']
  })
  child.unref()
  running.push({ child, dir })
  for (let waited = 0; waited < 30000; waited += GATHER) {
    for (const line of fs.readFileSync(log, 'utf8').split('\n').slice(0, -1)) {
      const message = JSON.parse(line)
      if (message.message === 'serving') return Number(message.address.split(':').pop())
    }
    pause(GATHER)
  }
  throw new Error('the server does not start')
}

// pause blocks, as the suite expects a handler that is ready.
function pause (milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

let turn = Promise.resolve()

// inTurn calls pass after those that asked before, and a moment of its own.
function inTurn (pass) {
  turn = turn.then(function () {
    return new Promise(function (resolve) {
      setTimeout(function () {
        pass()
        resolve()
      }, GATHER)
    })
  })
}

function pipe (client, upstream) {
  let gathered = []
  let ended = false
  function pass () {
    if (gathered.length > 0) upstream.write(Buffer.concat(gathered))
    gathered = []
    if (ended) upstream.end()
  }
  function end () {
    ended = true
    inTurn(pass)
  }
  client.on('error', function () { upstream.destroy() })
  upstream.on('error', function () { client.destroy() })
  client.on('data', function (bytes) {
    if (gathered.length === 0) inTurn(pass)
    gathered.push(bytes)
  })
  client.on('end', end).on('close', end)
  upstream.pipe(client)
}
