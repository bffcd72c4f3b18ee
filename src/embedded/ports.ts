import { createServer } from 'node:net';
import { LaunchError } from './launch-error.js';

/** Whether a server could listen on this TCP port now, on all interfaces and on the loopback one. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port)) && (await canListen(port, '127.0.0.1'));
}

/**
 * A free TCP port of 127.0.0.1, the preferred one when it is free.
 *
 * @param preferred the port of an earlier run, so that URLs people have written down keep working.
 */
export async function findFreePort(preferred?: number): Promise<number> {
  if (preferred && (await isPortFree(preferred))) {
    return preferred;
  }
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * The port a person asked for, or else the first free one from `fallback` upwards.
 *
 * @param name the environment variable, for messages.
 * @param asked its value, if it is set.
 * @param taken ports that are already given away in this run.
 * @throws LaunchError when the port asked for is no port number or is in use.
 */
export async function choosePort(
  name: string,
  asked: string | undefined,
  fallback: number,
  taken: readonly number[] = [],
): Promise<number> {
  if (!asked) {
    return firstFree(fallback, taken);
  }

  const port = Number(asked);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new LaunchError(`${name} must be a number from 1 to 65535.`);
  }
  if (taken.includes(port) || !(await isPortFree(port))) {
    const other = await firstFree(port, taken);
    throw new LaunchError(
      `Port ${port} (${name}) is already in use. Choose another one, for example: ${name}=${other}`,
    );
  }
  return port;
}

async function firstFree(from: number, taken: readonly number[]): Promise<number> {
  let port = from;
  while (taken.includes(port) || !(await isPortFree(port))) {
    port += 1;
  }
  return port;
}

function canListen(port: number, host?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen({ port, host }, () => server.close(() => resolve(true)));
  });
}
