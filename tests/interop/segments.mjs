// What passes over a page's WebSockets.

/** Counts the segments that `page` sends and receives, by their header. */
export function watchSegments(page) {
  const segments = { sent: {}, received: {} };
  const count = (direction) => ({ payload }) => {
    const header = String(payload)[0];
    direction[header] = (direction[header] ?? 0) + 1;
  };
  page.on("websocket", (socket) => {
    socket.on("framesent", count(segments.sent));
    socket.on("framereceived", count(segments.received));
  });
  return segments;
}
