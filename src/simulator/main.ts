import '../common/compile-early.js';
import { exitWhenParentDies } from '../common/parent-exit.js';
import { startSimulator } from './start-simulator.js';

const DEFAULT_PORT = 4010;

/** `--port N` wins over SIMULATOR_PORT; 0 takes any free port. */
function portFrom(args: readonly string[], variable: string | undefined): number {
  const flag = args.indexOf('--port');
  const text = (flag < 0 ? variable : args[flag + 1]) ?? '';
  const port = text === '' && flag < 0 ? DEFAULT_PORT : Number(text);
  if (text.trim() === '' && flag >= 0) {
    throw new Error('--port needs a number');
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`not a port: ${text}`);
  }
  return port;
}

const simulator = await startSimulator({
  port: portFrom(process.argv.slice(2), process.env.SIMULATOR_PORT),
  host: process.env.HOST ?? '127.0.0.1',
  config: {
    callback_url: process.env.SIMULATOR_CALLBACK_URL ?? '',
    app_secret: process.env.WHATSAPP_APP_SECRET ?? '',
  },
});

let closing: Promise<void> | undefined;
const shutdown = (): Promise<void> => (closing ??= simulator.close());

exitWhenParentDies(shutdown);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void shutdown().then(() => process.exit(0)));
}

process.stdout.write(`${JSON.stringify({ event: 'listening', port: simulator.port, url: simulator.url })}\n`);
