// Listens on PORT, says {"listening":true}, and then {"key","event"} of each put: fail fails, throw throws, everything
// else is fine. It ends with its standard input.
const { Server } = require('./modules.js')

const server = new Server({ hostname: '127.0.0.1', port: Number(process.env.PORT) })
server.on('_put', function (key, event, callback) {
  if (key === 'throw') throw new Error('as told')
  console.log(JSON.stringify({ key, event }))
  // In the same turn: since Node 16, the module's server takes a request that has been read for one whose client
  // has gone.
  callback(key === 'fail')
})
server.listen(function () { console.log(JSON.stringify({ listening: true })) })
process.stdin.on('end', function () { process.exit() }).resume()
