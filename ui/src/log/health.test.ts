import { expect, test } from "vitest";

import { probeLines } from "./health";
import { Lines } from "./lines";

const isProbe = probeLines({ backend: ["/v1/health"], web: ["/up?full=1"], worker: [] });

function line(text: string, service = "backend", level: "info" | "error" | null = "info") {
  return new Lines(4).push({ service, run: "1", number: 1, time: null, level, text });
}

test("a successful GET of a probe's path is one of its lines", () => {
  const uvicorn = '\u001b[32mINFO\u001b[0m:     127.0.0.1:52144 - "GET /v1/health HTTP/1.1" \u001b[32m200 OK\u001b[0m';
  expect(isProbe(line(uvicorn))).toBe(true);
  expect(isProbe(line("GET /v1/health 200 1.2 ms"))).toBe(true);
  expect(isProbe(line("GET /up?full=1 304", "web"))).toBe(true);
});

test("failed probes and other requests are shown", () => {
  expect(isProbe(line('"GET /v1/health HTTP/1.1" 503 Service Unavailable'))).toBe(false);
  expect(isProbe(line("GET /v1/health 200", "backend", "error"))).toBe(false);
  expect(isProbe(line('"GET /v1/healthy HTTP/1.1" 200 OK'))).toBe(false);
  expect(isProbe(line('"POST /v1/health HTTP/1.1" 200 OK'))).toBe(false);
  expect(isProbe(line('"GET /v1/health HTTP/1.1" 200 OK', "frontend"))).toBe(false);
  expect(isProbe(line('"GET /up?full=2 HTTP/1.1" 200 OK', "web"))).toBe(false);
});
