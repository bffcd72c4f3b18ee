import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LaunchError } from './launch-error.js';
import { followLog, lastLines, openLog, readLog } from './logs.js';
import { endLeftover, noteRun } from './process.js';

const POLL_MS = 50;
const FIRST_RESTART_MS = 250;
const LONGEST_RESTART_MS = 4_000;
const MAX_CRASHES = 5;
const CRASH_WINDOW_MS = 30_000;

/** Stopped in this order: what uses a server goes before the server. */
export const STOP_ORDER = ['app', 'redis', 'postgres'] as const;
export type Tier = (typeof STOP_ORDER)[number];

/** Thrown by whatever waits when everything is being stopped. Nothing has to be said about it. */
export class Stopped extends Error {}

export interface Program {
  /** Names the log and the run file. */
  readonly name: string;
  /** What people call it. */
  readonly label: string;
  readonly tier: Tier;
  /** Arguments of `node`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** How long it may take to end after SIGTERM. */
  readonly graceMs: number;
}

export interface GuardedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** From polite to final; the next one follows when patience runs out. */
  readonly signals: readonly NodeJS.Signals[];
  readonly patienceMs: number;
}

export interface SupervisorOptions {
  /** The project's folder. */
  readonly root: string;
  readonly dataDir: string;
  /** Shows the children's logs as they grow. */
  readonly verbose: boolean;
  readonly say: (line: string) => void;
}

/** Knows every child of this run: starts them, restarts what crashes, and stops them all in order. */
export class Supervisor {
  private readonly children: Child[] = [];
  private stopping = false;
  private reportGivingUp: (error: LaunchError) => void = () => undefined;

  /** Rejects with a LaunchError when a child crashes again and again. Never resolves. */
  readonly givenUp = new Promise<never>((_resolve, reject) => {
    this.reportGivingUp = reject;
  });

  constructor(readonly options: SupervisorOptions) {
    // Nobody may be waiting for it at the moment it happens.
    this.givenUp.catch(() => undefined);
  }

  /** Starts a node program that ends by itself when its IPC channel closes. */
  start(program: Program): Child {
    this.throwIfStopping();
    const child = new Child(program, this.options, this.reportGivingUp);
    this.children.push(child);
    child.start();
    return child;
  }

  /** Starts any other program, under a guard that ends it when we are gone. */
  startGuarded(program: Omit<Program, 'args' | 'graceMs' | 'env'>, command: GuardedCommand): Child {
    const guard = join(this.options.root, 'scripts', 'guard.mjs');
    return this.start({
      ...program,
      env: process.env,
      args: [guard, JSON.stringify(command)],
      graceMs: command.patienceMs * command.signals.length + 2_000,
    });
  }

  throwIfStopping(): void {
    if (this.stopping) {
      throw new Stopped();
    }
  }

  get hasStartedAny(): boolean {
    return this.children.length > 0;
  }

  /** Stops every child, tier after tier. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const tier of STOP_ORDER) {
      await Promise.all(this.children.filter((child) => child.program.tier === tier).map((child) => child.stop()));
    }
  }

  /** Makes a stop that is under way quicker, without losing what is stored. */
  force(): void {
    this.children.forEach((child) => child.force());
  }
}

/** One supervised child process, over all its restarts. */
export class Child {
  private child: ChildProcess | null = null;
  private exit: Promise<void> = Promise.resolve();
  private exitText = '';
  private succeeded = false;
  private logOffset = 0;
  private stopFollowing: () => void = () => undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private keepAlive = false;
  private stopping = false;
  private crashTimes: number[] = [];
  private readonly events = new Set<string>();

  constructor(
    readonly program: Program,
    private readonly options: SupervisorOptions,
    private readonly giveUp: (error: LaunchError) => void,
  ) {}

  get hasEnded(): boolean {
    return this.child === null;
  }

  /** The log of this run so far. */
  get log(): string {
    return readLog(this.logFile, this.logOffset);
  }

  start(): void {
    const log = openLog(this.logFile);
    const child = spawn(process.execPath, this.program.args, {
      cwd: this.options.root,
      env: this.program.env,
      // Out of the terminal's process group: Ctrl-C must reach the launcher alone, which then stops things in order.
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    closeSync(log.fd);
    this.child = child;
    this.logOffset = log.offset;
    this.events.clear();
    this.follow(log.offset);
    if (child.pid) {
      noteRun(this.runDir, this.program.name, child.pid);
    }
    child.on('message', (message) => this.hear(message, child));
    // Without a listener a message to a child that has just ended would end us too.
    child.on('error', () => undefined);
    this.exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.child = null;
        this.exitText = signal ? `by ${signal}` : `with code ${code}`;
        this.succeeded = code === 0;
        this.stopFollowing();
        resolve();
        void this.afterExit();
      });
    });
  }

  /**
   * Waits until `check` holds.
   *
   * @throws LaunchError with the last lines of the log when the child ends first or `deadlineMs` passes.
   * @throws Stopped when the child is being stopped.
   */
  async untilReady(check: (child: Child) => Promise<boolean> | boolean, deadlineMs: number): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      if (this.stopping) {
        throw new Stopped();
      }
      if (!this.child) {
        throw this.failure(`${this.program.label} ended ${this.exitText} while it started.`);
      }
      if (await check(this)) {
        return;
      }
      if (Date.now() > deadline) {
        throw this.failure(`${this.program.label} was not ready after ${deadlineMs / 1000} s.`);
      }
      await sleep(POLL_MS);
    }
  }

  /**
   * Waits until the child has done its work and ended.
   *
   * @returns its output.
   * @throws LaunchError with the last lines of the log when it does not exit with 0.
   * @throws Stopped when it is being stopped.
   */
  async untilEnd(): Promise<string> {
    await this.exit;
    await endLeftover(this.runDir, this.program.name);
    if (this.stopping) {
      throw new Stopped();
    }
    if (!this.succeeded) {
      throw this.failure(`${this.program.label} ended ${this.exitText}.`);
    }
    return this.log;
  }

  /** Whether the child has sent `{ event }` over its IPC channel since it was last started. */
  hasSent(event: string): boolean {
    return this.events.has(event);
  }

  /** From now on a crash is answered with a restart. */
  restartOnCrash(): void {
    this.keepAlive = true;
    if (!this.child) {
      void this.afterExit();
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.restartTimer);
    this.child?.kill('SIGTERM');
    const killer = setTimeout(() => this.child?.kill('SIGKILL'), this.program.graceMs);
    await this.exit;
    clearTimeout(killer);
    await endLeftover(this.runDir, this.program.name);
  }

  force(): void {
    if (this.program.tier === 'app') {
      this.child?.kill('SIGKILL');
      return;
    }
    if (this.stopping && this.child?.connected) {
      this.child.send('force', () => undefined);
    }
  }

  private get logFile(): string {
    return join(this.options.dataDir, 'logs', `${this.program.name}.log`);
  }

  private get runDir(): string {
    return join(this.options.dataDir, 'run');
  }

  private follow(offset: number): void {
    if (this.options.verbose) {
      this.stopFollowing = followLog(this.logFile, offset, (line) =>
        this.options.say(`[${this.program.name}] ${line}`),
      );
    }
  }

  private hear(message: unknown, child: ChildProcess): void {
    if (typeof message !== 'object' || message === null) {
      return;
    }
    if ('event' in message && typeof message.event === 'string') {
      this.events.add(message.event);
    }
    if (this.program.tier !== 'app' && 'pid' in message && typeof message.pid === 'number' && child.pid) {
      const stopSignal = this.program.tier === 'postgres' ? 'SIGINT' : 'SIGTERM';
      noteRun(this.runDir, this.program.name, child.pid, { pid: message.pid, stopSignal });
    }
  }

  private async afterExit(): Promise<void> {
    if (!this.keepAlive || this.stopping) {
      return;
    }
    const now = Date.now();
    this.crashTimes = [...this.crashTimes.filter((time) => time > now - CRASH_WINDOW_MS), now];
    if (this.crashTimes.length >= MAX_CRASHES) {
      this.giveUp(
        this.failure(
          `${this.program.label} ended ${this.exitText}, ${MAX_CRASHES} times within ${CRASH_WINDOW_MS / 1000} s.`,
        ),
      );
      return;
    }
    this.options.say(
      `${this.program.label} ended ${this.exitText}; starting it again (log: ${relative(this.options.root, this.logFile)}).`,
    );
    // A guard that was killed leaves its server running, and two servers on one data directory would damage it.
    await endLeftover(this.runDir, this.program.name);
    const delayMs = Math.min(FIRST_RESTART_MS * 2 ** (this.crashTimes.length - 1), LONGEST_RESTART_MS);
    if (!this.stopping) {
      this.restartTimer = setTimeout(() => this.start(), delayMs);
    }
  }

  private failure(message: string): LaunchError {
    const log = relative(this.options.root, this.logFile);
    return new LaunchError(`${message} The end of ${log}:\n${lastLines(this.logFile, this.logOffset)}`);
  }
}
