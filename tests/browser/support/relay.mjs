// A cable between a machine and its cloud that a test can cut.
import { connect, createServer } from "node:net";

export class Relay {
  /** Listens on a port of its own and passes everything on to the cloud. */
  static async to(cloud) {
    const relay = new Relay();
    const { hostname, port } = new URL(cloud.url);
    relay.sockets = new Set();
    relay.isCut = false;
    relay.server = createServer((near) => {
      if (relay.isCut) return near.destroy();
      const far = connect(Number(port), hostname);
      near.pipe(far);
      far.pipe(near);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ]) {
        relay.sockets.add(socket);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          relay.sockets.delete(socket);
          other.destroy();
        });
      }
    });
    await new Promise((done) => relay.server.listen(0, "127.0.0.1", done));
    relay.url = `http://127.0.0.1:${relay.server.address().port}`;
    return relay;
  }

  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}
