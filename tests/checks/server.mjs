// Servers with hand-written CORS, each under its own path.
import http from 'node:http'

const PAGE = 'http://localhost:5173'

const allow = (response, headers = {}) => {
  response.setHeader('Access-Control-Allow-Origin', PAGE)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}

const kinds = {
  // Allows everything.
  good(request, response) {
    allow(response, { 'Access-Control-Allow-Methods': 'PUT', 'Access-Control-Allow-Headers': 'content-type' })
    response.end('{}')
  },
  // Sends no CORS header if one thing is not allowed, as Go's `cors` does.
  silent(request, response) {
    response.setHeader('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    const method = request.headers['access-control-request-method'] ?? 'GET'
    const names = request.headers['access-control-request-headers']
    if (['GET', 'PUT'].includes(method) && (names === undefined || names === 'content-type')) {
      allow(response, { 'Access-Control-Allow-Methods': method })
      if (names) response.setHeader('Access-Control-Allow-Headers', names)
    }
    response.statusCode = 204
    response.end()
  },
  // Knows no preflights.
  simple(request, response) {
    if (request.method === 'OPTIONS') response.statusCode = 404
    else allow(response)
    response.end('{}')
  },
  // Only the error path omits the headers.
  forgetful(request, response) {
    if (request.method === 'OPTIONS') {
      allow(response, { 'Access-Control-Allow-Methods': 'PUT', 'Access-Control-Allow-Headers': 'content-type' })
      return response.end()
    }
    response.writeHead(500, { 'Content-Type': 'text/plain' })
    response.end('Error: connect ECONNREFUSED 127.0.0.1:6379\npassword=geheim')
  },
  // A proxy whose server is down.
  gateway(request, response) {
    response.writeHead(502)
    response.end('Bad Gateway')
  },
  // Redirects to the path with a slash, even for preflights, as a proxy does.
  slash(request, response) {
    response.writeHead(301, { Location: `${request.url}/` })
    response.end()
  },
  // Redirects to another server without a login.
  elsewhere(request, response) {
    allow(response, { 'Access-Control-Allow-Credentials': 'true' })
    response.writeHead(302, { Location: `http://127.0.0.1:${server.address().port}/mute/login` })
    response.end()
  },
  mute(request, response) {
    response.end('<form>')
  },
  // A trailing slash after the origin, a common mistake in configuration files.
  trailing(request, response) {
    response.setHeader('Access-Control-Allow-Origin', `${PAGE}/`)
    response.end('{}')
  },
  twice(request, response) {
    response.setHeader('Access-Control-Allow-Origin', [PAGE, PAGE])
    response.end('{}')
  },
  fixed(request, response) {
    response.setHeader('Access-Control-Allow-Origin', 'http://127.0.0.1:5173')
    response.end('{}')
  },
}

const server = http.createServer((request, response) => {
  const kind = kinds[request.url.split('/')[1]]
  if (kind) return kind(request, response)
  response.statusCode = 404
  response.end()
})
server.listen(0, '127.0.0.1', () => console.log(`running on http://127.0.0.1:${server.address().port}`))
