// Puts to PORT what comes on standard input, a line {"path","key","event"} each, one after the other, and says of each
// {"error"}: null, or what the client calls back with.
const readline = require('readline')
const { Client } = require('./modules.js')

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { path, key, event } = JSON.parse(line)
    const client = new Client({ path, port: Number(process.env.PORT) })
    const error = await new Promise(function (resolve) {
      client._put({ hostname: '127.0.0.1' }, key, event, resolve)
    })
    console.log(JSON.stringify({ error: error ? error.message : null }))
  }
}

main()
