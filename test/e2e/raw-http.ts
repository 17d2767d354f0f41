import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Opens a connection and sends a webhook's head, but not the body it announces. */
export async function sendHalfARequest(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {}); // The server may cut it; that is what the test is about.
  await once(socket, "connect");
  socket.write("POST /api/github/webhooks HTTP/1.1\r\nhost: afk\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{");
  return socket;
}
