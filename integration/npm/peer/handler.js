// Takes the place of tcp-log-server's own index.js under its test suite: each handler that the suite
// makes is a ringlog server of its own, on disk, with ECHO=true, to which connections are piped. The
// suite was written for a server in the same process, so what arrives from a client within a few
// milliseconds is passed on as one write.
const { spawn } = require('child_process')
const fs = require('fs')
const net = require('net')
const os = require('os')
const path = require('path')
const readline = require('readline')

const GATHER = 5 // milliseconds
const running = []

process.on('exit', function () {
  for (const { child, dir } of running) {
    child.kill('SIGKILL')
    fs.rmSync(dir, { recursive: true, force: true })
  }
})

module.exports = function () {
  const server = start()
  return function (connection) {
    connection.on('error', function () {})
    server.then(function (port) { pipe(connection, net.connect(port, '127.0.0.1')) })
  }
}

// start resolves to the port of a new server.
function start () {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ringlog-peer-'))
  const child = spawn(process.env.RINGLOG_BIN, [], {
    cwd: dir,
    env: { PORT: '0', ECHO: 'true', BLOBS: path.join(dir, 'blobs'), DB: path.join(dir, 'db') },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  running.push({ child, dir })
  return new Promise(function (resolve) {
    readline.createInterface({ input: child.stdout }).on('line', function (line) {
      const message = JSON.parse(line)
      if (message.message !== 'serving') return
      resolve(Number(message.address.split(':').pop()))
      // The suite ends when nothing of its own is left to wait for.
      child.unref()
      child.stdout.unref()
    })
  })
}

function pipe (client, upstream) {
  let gathered = []
  let timer = null
  function flush () {
    timer = null
    if (gathered.length > 0) upstream.write(Buffer.concat(gathered))
    gathered = []
  }
  upstream.on('error', function () { client.destroy() })
  client.on('close', function () { upstream.end() })
  client.on('data', function (bytes) {
    gathered.push(bytes)
    timer = timer || setTimeout(flush, GATHER)
  })
  client.on('end', function () {
    clearTimeout(timer)
    flush()
    upstream.end()
  })
  upstream.pipe(client)
}
