// Users, passwords, certificates.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { until } from "../browser/until.mjs";
import { eachPair } from "./matrix.mjs";

/** `ann`, whose password is `p@ss:word`. */
const USERS = "ann:$apr1$abcdefgh$3vV72pWBK7yA0GpedWUOl/\n";
const ANN = { user: "ann", password: "p@ss:word" };
/** What a page says of a connection that is refused. */
const REFUSED = /^(error: WebSocket connection to .* failed|401: )/;

async function openFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "mirrorball-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** A certificate for `localhost`, signed by itself: its files, with those of its key, and its text. */
async function makeIdentity(t) {
  const folder = await openFolder(t);
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  const what = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  // It is what hat-juggler checks passwords with, too.
  await promisify(execFile)("openssl", ["req", ...what, ...subject, "-keyout", key, "-out", certificate]);
  return { files: [certificate, key], text: await readFile(certificate, "utf8") };
}

eachPair(({ start, connect }) => {
  test("a user and a password are asked for", async (t) => {
    const htpasswd = join(await openFolder(t), "htpasswd");
    await writeFile(htpasswd, USERS);
    const { address } = await start(t, { htpasswd, state: "secret" });
    const peer = await connect(t, address, ANN);
    await until("the state is there", async () => (await peer.state()) === "secret");
    for (const wrong of [{}, { ...ANN, password: "word" }, { ...ANN, user: "bob" }]) {
      await assert.rejects(connect(t, address, { ...wrong, expected: REFUSED }));
    }
  });

  test("TLS is spoken", async (t) => {
    const { files, text } = await makeIdentity(t);
    const { address } = await start(t, { identity: files, state: "encrypted" });
    assert.match(address, /^wss:/);
    const peer = await connect(t, address, { ca: text });
    await until("the state is there", async () => (await peer.state()) === "encrypted");
    assert.deepEqual(await peer.send("", "😀"), { done: "😀" });
    await assert.rejects(connect(t, address, { expected: REFUSED }), "a client trusted a stranger");
  });
});
