import { PrepareError, prepare } from './prepare.mjs';

try {
  await prepare({ build: false });
} catch (error) {
  console.error(error instanceof PrepareError ? error.message : error);
  process.exitCode = 1;
}
