// What alldata-peer-client-http and alldata-peer-server-http do on the wire and in their programs' eyes, with
// Node's own HTTP. It stands in for them where they can't be had: npm's registry had them not.
const { EventEmitter } = require('events')
const http = require('http')

// A client writes its body before it ends the request, so Node sends it in chunks; 201 alone is success, and the
// text of another answer is the error.
class Client {
  constructor (options) {
    this.options = { method: 'POST', path: '/', port: 80, ...options }
  }

  _put (options, key, event, callback) {
    const request = http.request({ ...this.options, ...options }, function (response) {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', function (part) { text += part })
      response.on('end', function () {
        if (response.statusCode === 201) callback()
        else callback(new Error(text))
      })
    })
    request.on('error', callback)
    request.write(JSON.stringify({ key, event }))
    request.end()
  }
}

// A server emits _put, on any path, and answers what its listener says; a listener that throws gets its client a 400.
class Server extends EventEmitter {
  constructor (options) {
    super()
    this.options = { hostname: 'localhost', port: 8080, ...options }
  }

  listen (callback) {
    const emitter = this
    this.server = http.createServer(async function (request, response) {
      function answer (status, header) { response.writeHead(status, header).end() }
      if (request.method !== 'POST') return answer(405, { Allow: 'POST' })
      const body = []
      for await (const part of request) body.push(part)
      try {
        const { key, event } = JSON.parse(Buffer.concat(body))
        emitter.emit('_put', key, event, function (error) { answer(error ? 500 : 201) })
      } catch (error) {
        answer(400)
      }
    })
    this.server.listen(this.options.port, this.options.hostname, callback)
  }

  close (callback) {
    this.server.close(callback)
  }
}

module.exports = { Client, Server }
