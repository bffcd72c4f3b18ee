import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LaunchError } from './launch-error.js';
import { writePrivate } from './state.js';

const LEFTOVER_PATIENCE_MS = 20_000;

interface Known {
  readonly pid: number;
  readonly identity: string;
}

/** A child of some run, as noted in `.data/run/`: the child itself, and the server it guards if it is a guard. */
export interface RunRecord {
  readonly child: Known;
  readonly server?: Known & { readonly stopSignal: NodeJS.Signals };
}

/**
 * What tells a process from a later one with the same number: its start time (and the boot it belongs to).
 * `scripts/lock.mjs` has the same few lines, because it runs before anything is built.
 *
 * @returns null when there is no such process, or only its zombie.
 */
export function processIdentity(pid: number): string | null {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name in parentheses may hold spaces; the start time is the 20th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z'
      ? null
      : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${fields[19]}`;
  } catch {
    return null;
  }
}

/** Notes a running child, so that the next start finds it if this launcher is killed. */
export function noteRun(
  runDir: string,
  name: string,
  pid: number,
  server?: { pid: number; stopSignal: NodeJS.Signals },
): void {
  mkdirSync(runDir, { recursive: true });
  const record: RunRecord = {
    child: { pid, identity: processIdentity(pid) ?? '' },
    server: server && { ...server, identity: processIdentity(server.pid) ?? '' },
  };
  writePrivate(join(runDir, `${name}.json`), JSON.stringify(record));
}

/**
 * Ends what an earlier launcher left running (it was killed; its children may be shutting down at this moment, or their
 * guards were killed too), and waits until it is gone: ports, data directories and database sessions are free then.
 *
 * @param announce is called once, with the names, when there is something to wait for.
 * @throws LaunchError when it belongs to another user.
 */
export async function endLeftovers(runDir: string, announce: (names: string) => void): Promise<void> {
  mkdirSync(runDir, { recursive: true });
  const names = readdirSync(runDir)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length));
  const running = names.filter((name) => survivors(readRecord(runDir, name)).length > 0);
  if (running.length > 0) {
    announce(running.join(', '));
  }
  await Promise.all(names.map((name) => endLeftover(runDir, name)));
}

/** The same for one child, for instance a server whose guard was killed. */
export async function endLeftover(runDir: string, name: string): Promise<void> {
  const record = readRecord(runDir, name);
  await endSurvivors(record);
  rmSync(join(runDir, `${name}.json`), { force: true });
}

async function endSurvivors(record: RunRecord | null): Promise<void> {
  const [first] = survivors(record);
  if (!record || !first) {
    return;
  }
  // A guard that is alive ends its server the proper way; only a server without one has to be told directly.
  const guarded = first.pid === record.child.pid;
  signal(first, guarded ? 'SIGTERM' : (record.server?.stopSignal ?? 'SIGTERM'));
  const deadline = Date.now() + LEFTOVER_PATIENCE_MS;
  while (survivors(record).length > 0 && Date.now() < deadline) {
    await sleep(50);
  }
  for (const survivor of survivors(record)) {
    signal(survivor, 'SIGKILL');
  }
}

function survivors(record: RunRecord | null): Known[] {
  return [record?.child, record?.server].filter(
    (known): known is Known => known !== undefined && processIdentity(known.pid) === known.identity,
  );
}

function signal({ pid }: Known, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM') {
      throw new LaunchError(
        `Process ${pid} of an earlier start still runs and belongs to another user. Stop it first: sudo kill ${pid}`,
      );
    }
    if (code !== 'ESRCH') {
      throw error;
    }
  }
}

function readRecord(runDir: string, name: string): RunRecord | null {
  try {
    return JSON.parse(readFileSync(join(runDir, `${name}.json`), 'utf8')) as RunRecord;
  } catch {
    return null;
  }
}
