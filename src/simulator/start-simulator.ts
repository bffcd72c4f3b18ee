import type { AddressInfo } from 'node:net';
import { isGroup, mergeConfig } from './state/config.js';
import { createSimulatorServer } from './server.js';
import { Random } from './state/random.js';
import { World } from './world.js';

/** How a simulator is to be started. */
export interface SimulatorOptions {
  /** 0, the default, takes any free port. */
  port?: number;
  host?: string;
  /** Laid over the defaults like a `PUT /__simulate/config`. */
  config?: Record<string, unknown>;
}

/** A running simulator. */
export interface Simulator {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a simulator inside this process. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const world = new World();
  const problems = mergeConfig(world.config, isGroup(options.config) ? options.config : {});
  if (problems.length > 0) {
    throw new Error(`simulator configuration: ${problems.join('; ')}`);
  }
  world.random = new Random(world.config.seed);
  const host = options.host ?? '127.0.0.1';
  const server = createSimulatorServer(world);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, 4096, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const shown = host.includes(':') ? `[${host}]` : host;
  world.ownUrl = `http://${shown === '0.0.0.0' ? '127.0.0.1' : shown}:${port}`;
  return {
    url: world.ownUrl,
    port,
    close: async () => {
      await world.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
