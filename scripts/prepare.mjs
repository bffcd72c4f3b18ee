import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeLock } from './lock.mjs';

export const root = join(import.meta.dirname, '..');

const SHOWN_LINES = 40;

/** A failure whose message is all that the person at the terminal needs. */
export class PrepareError extends Error {}

/**
 * Brings a fresh or changed checkout to the point where `dist/` can run: Node version, npm packages, build.
 * Quick (about 0.1 s) when nothing changed. Two calls at once (start and test) wait for each other.
 *
 * @throws PrepareError
 */
export async function prepare({ build: wantsBuild = true } = {}) {
  checkNode();
  const lock = await waitForLock(join(root, '.data', 'prepare.lock'));
  try {
    if (!packagesInstalled()) {
      await timed('Installing npm packages (the first time takes about half a minute)', installPackages);
    }
    if (!wantsBuild) {
      return;
    }
    const sources = hashSources();
    const stamp = join(root, 'dist', '.parley-build');
    if (readText(stamp) !== sources) {
      await timed('Building', build);
      mkdirSync(join(root, 'dist'), { recursive: true });
      writeFileSync(stamp, sources);
    }
  } finally {
    lock.release();
  }
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
    throw new PrepareError(`Parley needs Node.js ${wanted} or newer; this is ${process.versions.node}.`);
  }
}

async function waitForLock(file) {
  let told = false;
  for (;;) {
    const lock = takeLock(file);
    if (lock.held) {
      return lock;
    }
    if (!told) {
      console.log(`  Waiting for another install or build of this checkout (process ${lock.owner.pid}) ...`);
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** npm writes `node_modules/.package-lock.json` last, so it is there only after a complete install. */
function packagesInstalled() {
  const wanted = packagesOf('package-lock.json');
  const present = packagesOf('node_modules/.package-lock.json');
  if (!wanted || !present) {
    return false;
  }
  return Object.entries(wanted).every(([path, { version, optional, devOptional, link }]) => {
    if (path === '' || link || ((optional || devOptional) && !present[path])) {
      return true;
    }
    return present[path]?.version === version;
  });
}

function packagesOf(file) {
  const text = readText(join(root, file));
  return text ? JSON.parse(text).packages : null;
}

async function installPackages() {
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  // The build needs the development packages, which npm leaves out when NODE_ENV is production.
  const options = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    await run([...npm, 'ci', ...options], 'npm ci failed.');
  } catch (error) {
    // The lock file does not say everything this npm wants to know (a merge, another platform's optional packages).
    if (!error.message.includes('EUSAGE')) {
      throw error;
    }
    await run([...npm, 'install', '--no-save', ...options], 'npm install failed.');
  }
}

async function build() {
  await run([process.execPath, join('node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build'], 'The build failed.');
}

function hashSources() {
  const hash = createHash('sha256');
  const add = (path) => hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  for (const folder of ['src', 'migrations']) {
    if (!existsSync(join(root, folder))) {
      continue;
    }
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
      .sort()
      .forEach(add);
  }
  ['tsconfig.json', 'nest-cli.json', 'package-lock.json'].forEach(add);
  return hash.digest('hex');
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function timed(label, work) {
  const started = performance.now();
  process.stdout.write(`  ${label} ... `);
  try {
    await work();
  } catch (error) {
    process.stdout.write('failed\n');
    throw error;
  }
  process.stdout.write(`${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

/** The guard ends npm or the build together with us, so that a second start never installs beside a forgotten first. */
function run([command, ...args], failure) {
  return new Promise((resolve, reject) => {
    const spec = { command, args, cwd: root, signals: ['SIGTERM', 'SIGKILL'], patienceMs: 5000 };
    const child = spawn(process.execPath, [join(import.meta.dirname, 'guard.mjs'), JSON.stringify(spec)], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) {
        resolve();
        return;
      }
      const lines = Buffer.concat(output).toString().trimEnd().split('\n').slice(0, SHOWN_LINES);
      reject(new PrepareError([failure, ...lines.map((line) => `  ${line}`)].join('\n')));
    });
  });
}
