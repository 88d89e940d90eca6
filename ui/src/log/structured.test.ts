import { expect, test } from "vitest";

import { read, PLAIN } from "./ansi";
import type { Given } from "./line";
import { structured } from "./structured";

const given = (text: string): Given => ({
  service: "api",
  run: "1",
  number: 1,
  time: null,
  level: null,
  text,
});
const plain = (text: string) => read(structured(given(text)).text, PLAIN).plain;

test.each([
  ['{"level":30,"time":1,"pid":7,"hostname":"h","msg":"listening","port":8001}', "INFO  listening port=8001"],
  ['{"level":"error","message":"no such user","user":"anna b","nested":{"a":[1]}}', 'ERROR no such user user="anna b" nested={"a":[1]}'],
  ['{"event":"started","ok":true,"why":null}', "started ok=true why=null"],
])("%s is written out", (json, text) => {
  expect(plain(json)).toBe(text);
});

test.each(["{not json}", '{"a":1}', "[1]", "GET / 200", '{"msg":5}'])("%s stays as it is", (text) => {
  expect(structured(given(text))).toEqual(given(text));
});

test("the level of the object is that of the line", () => {
  expect(structured(given('{"level":"warn","msg":"slow"}')).level).toBe("warning");
  expect(structured({ ...given('{"level":"odd","msg":"slow"}'), level: "info" }).level).toBe("info");
});

test("colours end with the line", () => {
  const line = structured(given('{"level":"debug","msg":"m","a":"b"}'));
  expect(read(line.text, PLAIN).pen).toBe(PLAIN);
});
