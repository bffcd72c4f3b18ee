import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * What tells a process from a later one with the same number: its start time (and the boot it belongs to).
 * `src/embedded/process.ts` has the same few lines, because these scripts run before anything is built.
 *
 * @returns null when there is no such process.
 */
function processIdentity(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The command name in parentheses may hold spaces; the start time is the 20th field after it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z'
        ? null
        : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${fields[19]}`;
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}

function read(file) {
  try {
    const text = readFileSync(file, 'utf8');
    return { text, ...JSON.parse(text) };
  } catch (error) {
    if (error.code === 'EACCES') {
      throw error;
    }
    return null;
  }
}

function removeIfSame(file, text) {
  const aside = `${file}.${process.pid}.old`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  // Between our reading and our renaming another start may have taken the lock: then give it back.
  if (readFileSync(aside, 'utf8') !== text) {
    try {
      linkSync(aside, file);
    } catch {
      // A third one holds it already; its answer is as good.
    }
  }
  rmSync(aside, { force: true });
}

/**
 * Takes a lock file that dies with its owner: one left behind by `kill -9` or a reboot is ignored.
 *
 * @returns `{ held: true, note(fields), release() }`, or `{ held: false, owner }` with what the owner noted.
 */
export function takeLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = { pid: process.pid, identity: processIdentity(process.pid) };
  const draft = `${file}.${process.pid}`;

  for (let attempt = 0; attempt < 20; attempt += 1) {
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
    try {
      linkSync(draft, file);
      rmSync(draft);
      return { held: true, note: (fields) => note(file, mine, fields), release: () => release(file) };
    } catch (error) {
      rmSync(draft, { force: true });
      if (error.code !== 'EEXIST') {
        throw error;
      }
    }
    const owner = read(file);
    if (owner?.pid && owner.identity === processIdentity(owner.pid)) {
      return { held: false, owner };
    }
    removeIfSame(file, owner?.text ?? readText(file));
  }
  throw new Error(`${file} cannot be taken`);
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function note(file, mine, fields) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ ...mine, ...fields }), { mode: 0o600 });
  renameSync(draft, file);
}

function release(file) {
  if (read(file)?.pid === process.pid) {
    rmSync(file, { force: true });
  }
}
