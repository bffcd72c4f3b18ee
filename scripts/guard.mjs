/**
 * Runs one command and makes sure that it ends properly, whatever becomes of the launcher.
 *
 * The launcher talks to the guard over an IPC channel, which the kernel closes even when the launcher dies by
 * `kill -9`; the guard then stops the command with the signals it was given, one after the other.
 *
 *   node scripts/guard.mjs '{"command":"postgres","args":[],"signals":["SIGINT","SIGKILL"],"patienceMs":10000}'
 *
 * In: "stop" (first signal, then the next ones when patience runs out), "force" (the next signal at once).
 * Out: {"pid": N} once the command runs. Exits with the command's code.
 */
import { spawn } from 'node:child_process';

const spec = JSON.parse(process.argv[2]);
let step = -1;

const child = spawn(spec.command, spec.args, {
  cwd: spec.cwd,
  env: spec.env ? { ...process.env, ...spec.env } : process.env,
  uid: spec.uid,
  gid: spec.gid,
  stdio: 'inherit',
});

child.on('spawn', () => tell({ pid: child.pid }));
child.on('error', (error) => {
  console.error(error.message);
  process.exit(127);
});
child.on('exit', (code) => process.exit(code ?? 1));

function tell(message) {
  if (process.connected) {
    process.send(message, () => {});
  }
}

function escalate() {
  step = Math.min(step + 1, spec.signals.length - 1);
  child.kill(spec.signals[step]);
  setTimeout(escalate, spec.patienceMs);
}

function stop() {
  if (step < 0) {
    escalate();
  }
}

process.on('message', (message) => (message === 'force' ? escalate() : stop()));
process.on('disconnect', stop);
process.on('SIGTERM', stop);
process.on('SIGHUP', stop);
// Ctrl-C reaches a command that shares the terminal by itself, and the others are stopped in order by the launcher.
process.on('SIGINT', () => {});
