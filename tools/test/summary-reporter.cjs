/**
 * Mocha's own report, which also writes its counts into the file that the reporter option `summary` names. A run that
 * ends half-way writes none, so its caller can tell it from one that had nothing to say.
 */
'use strict';
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class SummaryReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(
        options.reporterOptions.summary,
        JSON.stringify({ passing: passes, failing: failures, pending }),
      );
    });
  }
};
