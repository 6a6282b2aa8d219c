// The client and the server of AllData's peers: from the folder that ALLDATA_MODULES names, or form.js.
const { createRequire } = require('module')

const modules = process.env.ALLDATA_MODULES
if (modules) {
  const load = createRequire(modules + '/')
  module.exports = { Client: load('alldata-peer-client-http'), Server: load('alldata-peer-server-http') }
} else {
  module.exports = require('./form.js')
}
