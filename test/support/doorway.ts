import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way to a server on loopback, which can be closed: then nobody listens there. */
export class Doorway {
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  private port = 0;

  constructor(private readonly targetPort: number) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Opens it, always at the same address. */
  async open(): Promise<void> {
    const server = createServer((outer) => this.join(outer));
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Closes it, and cuts whatever is under way. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    const closed = server && new Promise((resolve) => server.close(resolve));
    this.sockets.forEach((socket) => socket.destroy());
    await closed;
  }

  private join(outer: Socket): void {
    const inner = connect(this.targetPort, '127.0.0.1');
    const end = (): void => {
      this.sockets.delete(outer);
      outer.destroy();
      inner.destroy();
    };
    this.sockets.add(outer);
    outer.on('error', end).on('close', end).pipe(inner);
    inner.on('error', end).on('close', end).pipe(outer);
  }
}
