import { writeFileSync } from 'node:fs';

/** A jest reporter that leaves the numbers of the run in the file named by PARLEY_TEST_SUMMARY. */
export default class TestSummary {
  onRunComplete(_contexts, results) {
    writeFileSync(
      process.env.PARLEY_TEST_SUMMARY,
      // A test file that could not even be loaded has no tests to count, and must not look like success.
      JSON.stringify({
        passed: results.numPassedTests,
        failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      }),
    );
  }
}
