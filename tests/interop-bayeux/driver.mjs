// The tests' own hand on a server: what a peer receives does not depend on what the same peer can send.

/** Messages in one request; no server takes as many as one likes. */
const BATCH = 32;

/** Publishes `messages`, channels and data, in order, from a session of its own, which it ends. */
export async function tell(address, ...messages) {
  const headers = { "Content-Type": "application/json" };
  const post = async (...batch) => {
    const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(batch) });
    // What ties the session to its browser.
    const cookie = answer.headers.get("Set-Cookie");
    if (cookie !== null) headers.Cookie = cookie.split(";", 1)[0];
    const replies = await answer.json();
    const failed = replies.find(({ successful }) => successful === false);
    if (failed) throw new Error(`the server refused the driver: ${JSON.stringify(failed)}`);
    return replies;
  };
  const [{ clientId }] = await post({ channel: "/meta/handshake", version: "1.0", supportedConnectionTypes: ["long-polling"] });
  for (let told = 0; told < messages.length; told += BATCH) {
    await post(...messages.slice(told, told + BATCH).map(([channel, data]) => ({ channel, data, clientId })));
  }
  await post({ channel: "/meta/disconnect", clientId });
}
