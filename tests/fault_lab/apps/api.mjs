// A small Node service without packages, with the usual settings of such a service. Its faults are
// wrong settings.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";

const env = process.env;
const words = (name, usual) => (env[name] ?? usual).split(",").map((word) => word.trim());
const origins = words("ORIGINS", "http://localhost:5173");
const exempt = ["/health", ...words("AUTH_EXEMPT", "")];

function cors(request) {
  const origin = request.headers.origin;
  if (env.CORS === "off" || !origin) return {};
  const allowed = origins.includes("*") ? "*" : origins.find((known) => known === origin);
  return {
    ...(allowed && { "access-control-allow-origin": allowed }),
    ...(env.CREDENTIALS !== "false" && { "access-control-allow-credentials": "true" }),
    ...(request.method === "OPTIONS" && {
      "access-control-allow-methods": env.METHODS ?? "GET, POST, PUT",
      "access-control-allow-headers": env.HEADERS ?? "content-type, x-api-key",
    }),
    vary: "Origin",
  };
}

/** Sends one command to Redis over a new connection. */
function redis(...command) {
  const { hostname, port } = new URL(env.REDIS_URL);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.setTimeout(1000, () => socket.destroy(new Error(`Redis at ${hostname}:${port} does not answer`)));
    socket.on("error", reject);
    socket.on("data", (answer) => {
      socket.end();
      const text = answer.toString().trim();
      text.startsWith("-") ? reject(new Error(`ReplyError: ${text.slice(1)}`)) : resolve(text);
    });
    const words = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.write(`*${command.length}\r\n${words.join("")}`);
  });
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns status and body of the answer, or nothing if the handler has answered already. */
async function answer(request, response) {
  switch (`${request.method} ${new URL(request.url, "http://here").pathname}`) {
    case "GET /health":
      if (existsSync("unavailable")) return [503, { status: "down" }];
      return [200, { status: existsSync("degraded") ? "degraded" : "ok" }];
    case "POST /v1/sessions/":
      if (env.REDIS_URL) await redis("SET", "session:1", "demo");
      return [201, { id: "1" }];
    case "PUT /v1/sessions/1":
      return [200, { id: "1" }];
    case "GET /v1/items":
      return [200, ["lamp", "wick"]];
    case "GET /v1/orders":
      return [200, undefined.orders];
    case "GET /v1/report":
      await new Promise((resolve, reject) => {
        connect(Number(env.MONGO_PORT ?? 27017), "127.0.0.1").on("connect", resolve).on("error", reject);
      });
      return [200, []];
    case "GET /slow":
      await wait(Number(env.DELAY ?? 1000));
      return [200, {}];
    case "GET /short-length": {
      // The length is that of the intended answer, but the error page is written instead.
      const page = JSON.stringify({ error: "SQLITE_ERROR: no such table: conversations" });
      console.error("Error: SQLITE_ERROR: no such table: conversations");
      response.writeHead(200, { "content-type": "application/json", "content-length": 2 });
      response.end(page);
      return;
    }
    case "GET /cut-short":
      response.writeHead(200, { "content-type": "application/json", "content-length": 1000 });
      response.write('{"items": [', () => request.socket.destroy());
      return;
    case "GET /cut-chunk":
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"items": [', () => request.socket.destroy());
      return;
    case "GET /leave":
      console.log("Goodbye");
      process.exit(0);
    case "GET /die":
      setImmediate(() => {
        throw new TypeError("Cannot read properties of undefined (reading 'rows')");
      });
      return;
    case "GET /block":
      for (;;);
    default:
      return [404, { error: "no such page" }];
  }
}

const server = createServer(async (request, response) => {
  if (env.STRIP_SLASH && request.url.length > 1 && request.url.endsWith("/")) {
    response.writeHead(308, { location: request.url.slice(0, -1) }).end();
    return;
  }
  if (request.method === "OPTIONS" && env.CORS !== "off") {
    response.writeHead(204, cors(request)).end();
    return;
  }
  if (env.API_TOKEN && !exempt.includes(request.url) && request.headers.authorization !== `Bearer ${env.API_TOKEN}`) {
    response.writeHead(403, { ...cors(request), "content-type": "application/json" }).end('{"error":"no token"}');
    return;
  }
  try {
    const answered = await answer(request, response);
    if (!answered) return;
    const [status, body] = answered;
    response.writeHead(status, { ...cors(request), "content-type": "application/json" }).end(JSON.stringify(body));
  } catch (error) {
    // The usual error handler, without CORS.
    console.error(error);
    response.writeHead(500, { "content-type": "text/plain" }).end("Internal Server Error");
  }
});

server.on("upgrade", (request, socket) => {
  if (request.url !== "/ws") {
    socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  if (env.API_TOKEN && request.headers.authorization !== `Bearer ${env.API_TOKEN}`) {
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = createHash("sha1").update(key).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
});

// Something else keeps the process alive, as a queue or a timer would.
if (env.WHEN_TAKEN) setInterval(() => {}, 60_000);
if (env.WHEN_TAKEN) server.on("error", (error) => env.WHEN_TAKEN === "say" && console.error(error));
await wait(Number(env.SLOW_START ?? 0));
server.listen(Number(env.PORT ?? process.argv[2]), env.HOST ?? "localhost", () => {
  const { address, port } = server.address();
  console.log(`listening on ${address} port ${port}`);
});
